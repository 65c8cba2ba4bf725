import type { GenerationResult, Milliseconds, StepMessage } from '../functions/contracts/generation.ts';
import { type GenerationRequest, requestSchema } from '../functions/contracts/request.ts';
import { finish } from '../functions/finish/finish.ts';
import { prepare } from '../functions/prepare/prepare.ts';
import { InvalidRequest } from '../functions/shared/errors.ts';
import { loadModel } from '../models/checkpoint/model-directory.ts';
import { Denoiser } from '../models/inference/denoiser.ts';
import type { RuntimeOptions } from '../models/runtime/session.ts';
import { decode } from '../models/ssd2/decode.ts';
import type { Tokenizer } from '../models/tokenizer/tokenizer.ts';
import { type Fleet, fleetCatalog, fleetModels } from './fleet.ts';

/** The plain loop: models and decoding in this process, without state machine, functions or endpoints. */
export class DirectEngine {
  readonly #denoisers: ReadonlyMap<string, Denoiser>;
  readonly #tokenizer: Tokenizer;
  readonly #fleet: Fleet;
  readonly #kept: number;

  private constructor(fleet: Fleet, denoisers: ReadonlyMap<string, Denoiser>, tokenizer: Tokenizer, kept: number) {
    this.#fleet = fleet;
    this.#denoisers = denoisers;
    this.#tokenizer = tokenizer;
    this.#kept = kept;
  }

  static async start(fleet: Fleet, kept: number, runtime?: RuntimeOptions): Promise<DirectEngine> {
    const denoisers = new Map<string, Denoiser>();
    let tokenizer: Tokenizer | undefined;
    for (const { endpoint, directory } of fleetModels(fleet)) {
      const model = await loadModel(directory);
      tokenizer ??= model.tokenizer;
      denoisers.set(endpoint, await Denoiser.create(model, runtime));
    }
    return new DirectEngine(fleet, denoisers, tokenizer as Tokenizer, kept);
  }

  /** @throws InvalidRequest */
  async generate(
    request: GenerationRequest,
    onStep: (step: StepMessage) => void = () => {},
  ): Promise<GenerationResult> {
    const parsed = requestSchema.safeParse(request);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new InvalidRequest(`${issue.path.join('.') || 'request'}: ${issue.message}`);
    }
    const core = this.#denoisers.get(this.#fleet.core.endpoint) as Denoiser;
    const deployment = {
      config: core.config,
      tokenizer: this.#tokenizer,
      catalog: fleetCatalog(this.#fleet),
      kept: this.#kept,
    };
    const start = await prepare(parsed.data, deployment);
    let routes: Record<string, string> = {};
    let milliseconds: Record<string, Milliseconds> = {};
    let answered = 0;
    const { decoding, tokens, endOfText, progress } = start;
    const { steps, ...finished } = await decode(
      decoding,
      progress.contexts,
      tokens,
      endOfText,
      async ({ member, endpoint }, lane) => {
        const { envelopes, timings } = await (this.#denoisers.get(endpoint) as Denoiser).denoise([lane], decoding.kept);
        routes[member] = endpoint;
        milliseconds[member] = { ...timings };
        answered = performance.now();
        return envelopes[0];
      },
      (report, block) => {
        milliseconds.reduce = { total: performance.now() - answered };
        onStep({ ...report, tokens: [...report.tokens], changed: [...report.changed], block, routes, milliseconds });
        routes = {};
        milliseconds = {};
      },
    );
    const generated = [...finished.generated];
    return finish(
      { ...start, progress: { ...start.progress, ...finished, contexts: {}, generated }, stepsRun: steps },
      this.#tokenizer,
    );
  }

  async stop(): Promise<void> {
    for (const denoiser of this.#denoisers.values()) await denoiser.release();
  }
}
