import { type RuntimeOptions, Session } from '../runtime/session.ts';
import { lossGraph } from './gradient-graph.ts';
import type { Batch, Objective } from './objectives/objective.ts';
import type { ParameterBuffers } from './parameter-buffers.ts';
import { RangeMeans } from './range-means.ts';

export interface ValidationLoss {
  readonly loss: number;
  readonly lossByRange: readonly number[];
}

/** The averaged weights' loss on the same few batches each time. */
export class Validator {
  readonly #batches: readonly Batch[];
  readonly #sessions: ReadonlyMap<string, Session>;
  readonly #buffers: ParameterBuffers;

  private constructor(batches: readonly Batch[], sessions: ReadonlyMap<string, Session>, buffers: ParameterBuffers) {
    this.#batches = batches;
    this.#sessions = sessions;
    this.#buffers = buffers;
  }

  static async create(objective: Objective, count: number, buffers: ParameterBuffers, runtime?: RuntimeOptions) {
    const batches = Array.from({ length: count }, (_, n) => objective.batch(n));
    const sessions = new Map<string, Session>();
    for (const variant of new Set(batches.map((batch) => batch.variant))) {
      sessions.set(variant, await Session.create(lossGraph(buffers.config, objective, variant), runtime));
    }
    return new Validator(batches, sessions, buffers);
  }

  async validate(): Promise<ValidationLoss> {
    const means = new RangeMeans();
    const weights = Object.fromEntries([...this.#buffers.averages()].map(([name, { data }]) => [name, data]));
    for (const { variant, feeds, weights: counted, timesteps } of this.#batches) {
      const session = this.#sessions.get(variant) as Session;
      const { losses } = await session.run({ ...weights, ...feeds });
      means.add(losses, counted, timesteps);
    }
    return { loss: means.overall, lossByRange: means.byRange };
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await session.release();
  }
}
