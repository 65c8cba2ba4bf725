import type { AdaptedModel } from '../checkpoint/adapter-directory.ts';
import { quantise } from '../checkpoint/quantisation.ts';
import type { AdapterConfig } from '../network/adapter-config.ts';
import type { FrozenBase } from '../network/frozen-base.ts';
import { exactThreads, isQuantisedFactor } from '../network/rows-graph.ts';
import type { Feed, RuntimeOptions } from '../runtime/session.ts';
import { compressEach, expand, type LogitsEnvelope } from '../ssd2/envelope.ts';
import { publishedMix, sharesOf } from '../ssd2/form.ts';
import type { LaneStep } from '../ssd2/step.ts';
import { nextOf } from './base-reader.ts';
import { BaseRunner, type LaneRows, type Simplexes } from './base-runner.ts';
import type { DenoiserTimings } from './denoiser.ts';
import type { KeptPiece } from './kept-piece.ts';
import { checkLane, LaneError } from './lane-check.ts';
import { laneNoise, laneTimesteps } from './lane-noise.ts';
import { laneRows } from './lane-rows.ts';
import { LeftToRight, runApart } from './left-to-right.ts';
import { LogitsMix } from './logits-mix.ts';
import { ownerOfLane } from './owned-lane.ts';
import { Scratch } from './scratch.ts';

/** Adapters over one base, of one rank, share its session. */
const runners = new WeakMap<FrozenBase, Map<string, Promise<BaseRunner>>>();

/** A base with an adapter that answers denoise steps, its draft member included. */
export class AdaptedDenoiser {
  readonly name: string;
  readonly config: AdapterConfig;
  readonly exactThreads: number;
  readonly #runner: BaseRunner;
  readonly #mix: LogitsMix;
  readonly #adapter: Readonly<Record<string, Feed>>;
  readonly #logits = new Scratch();
  readonly #noised = new Scratch();
  readonly #previous = new Scratch();
  readonly #leftToRight: LeftToRight<KeptPiece>;

  private constructor(model: AdaptedModel, runner: BaseRunner, runtime: RuntimeOptions) {
    this.name = model.name;
    this.config = model.config;
    this.exactThreads = exactThreads(model.base.network);
    this.#runner = runner;
    this.#mix = new LogitsMix(smoothed(model.adapter.get('prior')?.data as Float32Array), runtime);
    this.#adapter = feedsOf(model);
    this.#leftToRight = new LeftToRight<KeptPiece>(model.config, {
      memoryBytes: runner.tokenBytes,
      next: async (due, owner) => {
        const { logits, kept } = await nextOf(runner, due, owner);
        const shares = due.map(({ lane: { form = publishedMix } }) => sharesOf(form, true));
        return { rows: await this.#mix.sum({ draft: logits }, shares), memories: kept };
      },
      unasked: ({ form = publishedMix }) => this.#mix.sum({}, [sharesOf(form, false)]),
    });
  }

  static async create(model: AdaptedModel, runtime: RuntimeOptions = {}): Promise<AdaptedDenoiser> {
    const { network } = model.base;
    const shared = runners.get(network) ?? new Map<string, Promise<BaseRunner>>();
    runners.set(network, shared);
    const key = JSON.stringify([model.config.rank, model.config.positions, runtime]);
    const { config } = model;
    const runner = shared.get(key) ?? BaseRunner.create(network, config, config.positions, runtime);
    shared.set(key, runner);
    return new AdaptedDenoiser(model, await runner, runtime);
  }

  /**
   * One denoise step of each lane.
   *
   * @param kept entries a position that the answers keep
   * @param owner whose the lanes are, in any words: what is kept of their contexts serves nobody else
   * @throws LaneError when a lane does not fit the model
   */
  denoise(
    lanes: readonly LaneStep[],
    kept: number,
    owner = '',
  ): Promise<{ envelopes: LogitsEnvelope[]; timings: DenoiserTimings }> {
    lanes.forEach((lane, index) => {
      checkLane(this.config, lane, `lanes.${index}`);
    });
    checkParts(lanes);
    return this.#runner.exclusively(
      () =>
        runApart(
          lanes,
          (lane) => this.#leftToRight.answers(lane),
          (some) => this.#leftToRight.run(some, kept, owner),
          (some) => this.#run(some, kept, owner),
        ),
      owner,
    );
  }

  async #run(lanes: readonly LaneStep[], kept: number, owner: string) {
    const started = performance.now();
    const rows: LaneRows[] = [];
    for (const lane of lanes) {
      rows.push(
        laneRows(this.config, lane, await this.#runner.encode(lane.context.slice(0, -1), ownerOfLane(lane, owner))),
      );
    }
    const encoded = performance.now();
    const denoised = lanes.some(({ form }) => !form || form.denoiser > 0);
    const noisy = denoised || lanes.some(({ form }) => form && form.evidence > 0);
    const simplexes = noisy ? this.#simplexes(lanes) : undefined;
    const noised = performance.now();
    const logits = await this.#runner.run(
      rows,
      denoised && simplexes ? { simplexes, adapter: this.#adapter } : undefined,
      this.#logits,
    );
    const mixed = await this.#mixed(lanes, logits, simplexes?.x, denoised);
    const modelled = performance.now();
    const envelopes = compressEach(mixed, lanes.length, this.config.vocabulary, kept);
    const timings = {
      context: encoded - started,
      noise: noised - encoded,
      model: modelled - noised,
      compress: performance.now() - modelled,
    };
    return { envelopes, timings };
  }

  #simplexes(lanes: readonly LaneStep[]): Simplexes {
    const { block, vocabulary } = this.config;
    const rows = lanes.length * block;
    const x = this.#noised.floats(rows * vocabulary);
    const previous = this.#previous.floats(rows * vocabulary);
    const conditioned = new Float32Array(rows);
    const timesteps = new Float32Array(rows);
    lanes.forEach((lane, index) => {
      const first = index * block;
      const given = previous.subarray(first * vocabulary, (first + block) * vocabulary);
      if (lane.previous) expand(lane.previous, given);
      else given.fill(0);
      conditioned.fill(lane.previous ? 1 : 0, first, first + block);
      laneTimesteps(lane, block).forEach((t, position) => {
        const row = first + position;
        timesteps[row] = t;
        laneNoise(lane, position, t, x.subarray(row * vocabulary, (row + 1) * vocabulary));
      });
    });
    return { rows: block, x, previous, conditioned, timesteps };
  }

  /** The lanes' sums, as form.ts has them, in log-probabilities. */
  #mixed(
    lanes: readonly LaneStep[],
    logits: Float32Array,
    evidence: Float32Array | undefined,
    denoised: boolean,
  ): Promise<Float32Array> {
    const { block, vocabulary } = this.config;
    const size = block * vocabulary;
    // Each lane's logits are the denoiser's, then the draft's, of those that were asked for.
    const each = logits.length / lanes.length;
    const part = (start: number) => {
      if (each === size || lanes.length === 1) return logits.subarray(start, start + lanes.length * size);
      const taken = new Float32Array(lanes.length * size);
      lanes.forEach((_, lane) => {
        taken.set(logits.subarray(lane * each + start, lane * each + start + size), lane * size);
      });
      return taken;
    };
    const drafted = lanes.some(({ form }) => form && form.draft > 0);
    const shares = lanes.flatMap(({ form = publishedMix, tokens }) =>
      // Before there is a draft only the first position has next-token logits.
      Array.from({ length: block }, (_, position) => sharesOf(form, tokens !== null || position === 0)),
    );
    return this.#mix.sum(
      {
        ...(denoised ? { denoiser: part(0) } : {}),
        ...(drafted ? { draft: part(each - size) } : {}),
        ...(evidence ? { evidence } : {}),
      },
      shares,
    );
  }

  async release(): Promise<void> {
    await this.#mix.release();
  }
}

/** What a lane asks of a model; lanes of one pass ask for the same. */
export function partsOf({ form }: Pick<LaneStep, 'form'>): string {
  return (['denoiser', 'draft'] as const).filter((part) => (form ?? publishedMix)[part] > 0).join(' and ');
}

/** @throws LaneError when lanes ask for different rows: those of a call are one batch */
function checkParts(lanes: readonly LaneStep[]): void {
  const first = partsOf(lanes[0]);
  lanes.forEach((lane, index) => {
    const parts = partsOf(lane);
    if (parts === first) return;
    throw new LaneError(
      `lanes.${index}.form`,
      `asks for ${parts}, lane 0 for ${first}; send them in calls of their own`,
    );
  });
}

/** The share of an even distribution in the prior that is set against other logits. */
const evenShare = 0.15;

/**
 * A log-distribution that is nowhere far below what any token has by chance: what is subtracted would otherwise lift the
 * tokens that the training text hardly shows above all others.
 */
export function smoothed(logPrior: Float32Array): Float32Array {
  return logPrior.map((value) => Math.log((1 - evenShare) * Math.exp(value) + evenShare / logPrior.length));
}

function feedsOf({ adapter, base }: AdaptedModel): Record<string, Feed> {
  const feeds: Record<string, Feed> = {};
  for (const [name, tensor] of adapter) {
    if (isQuantisedFactor(base.network, name)) {
      const { values, scale } = quantise(tensor, false);
      feeds[name] = values;
      feeds[`${name}.scale`] = { data: scale.data, shape: [scale.data.length] };
    } else feeds[name] = tensor;
  }
  return feeds;
}
