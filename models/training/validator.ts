import { type RuntimeOptions, Session } from '../runtime/session.ts';
import { lossGraph } from './gradient-graph.ts';
import type { Objective } from './objectives/objective.ts';
import type { ParameterBuffers } from './parameter-buffers.ts';
import { RangeMeans } from './range-means.ts';

export interface ValidationLoss {
  readonly loss: number;
  readonly lossByRange: readonly number[];
}

/** The averaged weights' loss on the same few batches each time. */
export class Validator {
  readonly #objective: Objective;
  readonly #count: number;
  readonly #buffers: ParameterBuffers;
  readonly #runtime: RuntimeOptions | undefined;
  readonly #sessions = new Map<string, Session>();

  constructor(objective: Objective, count: number, buffers: ParameterBuffers, runtime?: RuntimeOptions) {
    this.#objective = objective;
    this.#count = count;
    this.#buffers = buffers;
    this.#runtime = runtime;
  }

  async validate(): Promise<ValidationLoss> {
    const means = new RangeMeans();
    const weights = Object.fromEntries([...this.#buffers.averages()].map(([name, { data }]) => [name, data]));
    // Made anew each time: kept, a few batches would take more memory than the model.
    for (let n = 0; n < this.#count; n++) {
      const { variant, feeds, weights: counted, timesteps } = this.#objective.batch(n);
      const { losses } = await (await this.#session(variant)).run({ ...weights, ...feeds });
      means.add(losses, counted, timesteps);
    }
    return { loss: means.overall, lossByRange: means.byRange };
  }

  async #session(variant: string): Promise<Session> {
    const known = this.#sessions.get(variant);
    if (known) return known;
    const session = await Session.create(lossGraph(this.#buffers.config, this.#objective, variant), this.#runtime);
    this.#sessions.set(variant, session);
    return session;
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await session.release();
  }
}
