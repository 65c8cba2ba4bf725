import type { GenerationResult, Milliseconds } from '../functions/contracts/generation.ts';
import { type GenerationRequest, requestSchema } from '../functions/contracts/request.ts';
import { finish } from '../functions/finish/finish.ts';
import { prepare } from '../functions/prepare/prepare.ts';
import { InvalidRequest } from '../functions/shared/errors.ts';
import { loadDiffusionConfig, loadModel, loadTokenizer } from '../models/checkpoint/model-directory.ts';
import { Denoiser } from '../models/inference/denoiser.ts';
import type { ModelConfig } from '../models/ssd2/config.ts';
import { decode } from '../models/ssd2/decode.ts';
import type { Tokenizer } from '../models/tokenizer/tokenizer.ts';
import { firstIssue } from '../models/zod-issue.ts';
import { type Engine, type EngineOptions, engineDefaults } from './engine.ts';
import type { Fleet } from './fleet.ts';

/** The plain loop: models and decoding in this process, without state machine, functions or endpoints. */
export class DirectEngine implements Engine {
  readonly #denoisers: ReadonlyMap<string, Denoiser>;
  readonly #config: ModelConfig;
  readonly #tokenizer: Tokenizer;
  readonly #fleet: Fleet;
  readonly #options: EngineOptions;

  private constructor(
    fleet: Fleet,
    denoisers: ReadonlyMap<string, Denoiser>,
    config: ModelConfig,
    tokenizer: Tokenizer,
    options: EngineOptions,
  ) {
    this.#fleet = fleet;
    this.#denoisers = denoisers;
    this.#config = config;
    this.#tokenizer = tokenizer;
    this.#options = options;
  }

  static async start(fleet: Fleet, overrides: Partial<EngineOptions> = {}): Promise<DirectEngine> {
    const options = { ...engineDefaults, ...overrides };
    const denoisers = new Map<string, Denoiser>();
    const { directory } = fleet.core;
    const [config, tokenizer] = await Promise.all([loadDiffusionConfig(directory), loadTokenizer(directory)]);
    for (const { endpoint, directory } of fleet.models) {
      denoisers.set(endpoint, await Denoiser.create(await loadModel(directory), options));
    }
    return new DirectEngine(fleet, denoisers, config, tokenizer, options);
  }

  /** @throws InvalidRequest */
  async generate(request: GenerationRequest): Promise<GenerationResult> {
    const parsed = requestSchema.safeParse(request);
    if (!parsed.success) {
      throw new InvalidRequest(firstIssue(parsed.error, 'request'));
    }
    const deployment = {
      config: this.#config,
      tokenizer: this.#tokenizer,
      catalog: this.#fleet.catalog,
      kept: this.#options.kept,
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
        this.#options.onStep?.({
          ...report,
          tokens: [...report.tokens],
          changed: [...report.changed],
          block,
          routes,
          milliseconds,
        });
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
