import { availableParallelism } from 'node:os';
import type { Degraded } from '../functions/contracts/generation.ts';
import { type GenerationRequest, requestSchema } from '../functions/contracts/request.ts';
import { type Ask, denoiseVisit } from '../functions/denoise-visit/denoise-visit.ts';
import { finish } from '../functions/finish/finish.ts';
import { oneLane, prepare } from '../functions/prepare/prepare.ts';
import { fallBack, type Loss } from '../functions/shared/degradation/fall-back.ts';
import { BadAnswer, EndpointUnavailable, InvalidRequest } from '../functions/shared/errors.ts';
import {
  loadChatTemplate,
  loadServedConfig,
  loadServedTokenizer,
  type ServedConfig,
} from '../models/checkpoint/served-model.ts';
import { loadStepModel, type StepModel } from '../models/inference/step-model.ts';
import { checkEnvelope } from '../models/ssd2/envelope-check.ts';
import { type Generation, isDone, type Step } from '../models/ssd2/generation.ts';
import { endpointName } from '../models/ssd2/routing.ts';
import type { ChatTemplate } from '../models/tokenizer/chat-template.ts';
import type { Tokenizer } from '../models/tokenizer/tokenizer.ts';
import { firstIssue } from '../models/zod-issue.ts';
import { type Engine, type EngineOptions, engineDefaults, type GenerationResult, onlyLane } from './engine.ts';
import type { Fleet } from './fleet.ts';

/** With which a step has the bits that it has with one, and takes two thirds of the time; more are not worth it. */
const mostThreads = 2;

/** Models take turns here, so each may have all cores; a network from nothing is too small for two. */
async function usualThreads(directory: string): Promise<number> {
  const { kind } = await loadServedConfig(directory);
  return kind === 'ssd2' ? engineDefaults.threads : Math.min(availableParallelism(), mostThreads);
}

/** The plain loop: models and decoding in this process, without state machine, functions or endpoints. */
export class DirectEngine implements Engine {
  readonly #denoisers: ReadonlyMap<string, StepModel>;
  readonly #config: ServedConfig;
  readonly #tokenizer: Tokenizer;
  readonly #chat: ChatTemplate | undefined;
  readonly #fleet: Fleet;
  readonly #options: EngineOptions;

  private constructor(
    fleet: Fleet,
    denoisers: ReadonlyMap<string, StepModel>,
    config: ServedConfig,
    tokenizer: Tokenizer,
    chat: ChatTemplate | undefined,
    options: EngineOptions,
  ) {
    this.#fleet = fleet;
    this.#denoisers = denoisers;
    this.#config = config;
    this.#tokenizer = tokenizer;
    this.#chat = chat;
    this.#options = options;
  }

  /** @param load loads a model; tests put faults around it */
  static async start(
    fleet: Fleet,
    overrides: Partial<EngineOptions> = {},
    load: typeof loadStepModel = loadStepModel,
  ): Promise<DirectEngine> {
    const options = { ...engineDefaults, ...overrides };
    const denoisers = new Map<string, StepModel>();
    const { directory } = fleet.core;
    const [config, tokenizer] = await Promise.all([loadServedConfig(directory), loadServedTokenizer(directory)]);
    const chat = await loadChatTemplate(directory, tokenizer);
    for (const { endpoint, directory } of fleet.models) {
      const threads = overrides.threads ?? (await usualThreads(directory));
      denoisers.set(endpointName(endpoint), await load(directory, { ...options, threads }));
    }
    return new DirectEngine(fleet, denoisers, config, tokenizer, chat, options);
  }

  /** @throws InvalidRequest, or BadAnswer when a model's logits are no log-probabilities, or a model's own error */
  async generate(request: GenerationRequest): Promise<GenerationResult> {
    const parsed = requestSchema.safeParse(request);
    if (!parsed.success) {
      throw new InvalidRequest(firstIssue(parsed.error, 'request'));
    }
    const { generation, prompts, contexts } = await prepare(oneLane(parsed.data), {
      config: this.#config,
      tokenizer: this.#tokenizer,
      ...(this.#chat ? { chat: this.#chat } : {}),
      catalog: this.#fleet.catalog,
      kept: this.#options.kept,
    });
    const seen = contexts.map((own) => prompts.map((prompt, lane) => [...(own[lane] ?? []), ...prompt]));
    let step: Step = { generation, previous: [null] };
    let blockStart = generation;
    let degraded: Degraded | undefined;
    while (!isDone(step.generation)) {
      let loss: Loss | undefined;
      const ask = this.#ask(step.generation, parsed.data.tenant ?? '', (first) => {
        loss ??= first;
      });
      try {
        const visit = await denoiseVisit(step, seen, ask, () => false, this.#options.onStep !== undefined);
        const { reports, blockDone, ...next } = visit;
        for (const report of reports) this.#options.onStep?.(report);
        step = next;
        if (blockDone) blockStart = next.generation;
      } catch (error) {
        const fallen = loss && fallBack(blockStart, loss);
        if (!fallen) throw error;
        step = { generation: fallen.generation, previous: [null] };
        ({ degraded } = fallen);
      }
    }
    return onlyLane(await finish(step.generation, this.#tokenizer, [], degraded));
  }

  /** @param lost told of each call that fails */
  #ask({ decoding: { block, vocabulary, kept } }: Generation, owner: string, lost: (loss: Loss) => void): Ask {
    return async ({ endpoint }, lanes) => {
      const name = endpointName(endpoint);
      const denoiser = this.#denoisers.get(name);
      if (!denoiser) throw new Error(`no model answers at ${name}`);
      const denoising = denoiser.denoise(lanes, kept, owner);
      // As an endpoint fails whose model does.
      denoising.catch(() => lost({ endpoint: name, error: EndpointUnavailable.name }));
      const { envelopes, timings } = await denoising;
      try {
        for (const envelope of envelopes) checkEnvelope(envelope, { positions: block, vocabulary, kept });
      } catch (error) {
        lost({ endpoint: name, error: BadAnswer.name });
        throw new BadAnswer(`model ${denoiser.name}: its answer: ${(error as Error).message}`);
      }
      return { envelopes, milliseconds: { ...timings } };
    };
  }

  async stop(): Promise<void> {
    for (const denoiser of this.#denoisers.values()) await denoiser.release();
  }
}
