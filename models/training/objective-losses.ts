import { type RuntimeOptions, Session } from '../runtime/session.ts';
import type { Weights } from '../ssd2/graphs.ts';
import type { ParameterSpec } from '../ssd2/parameters.ts';
import { lossGraph } from './gradient-graph.ts';
import type { Batch, Objective } from './objectives/objective.ts';

/** The forward pass of an objective over its first batches, for any weights of one model. */
export class ObjectiveLosses {
  readonly #specs: readonly ParameterSpec[];
  readonly #objective: Objective;
  readonly #runtime: RuntimeOptions | undefined;
  readonly #sessions = new Map<string, Session>();

  constructor(specs: readonly ParameterSpec[], objective: Objective, runtime?: RuntimeOptions) {
    this.#specs = specs;
    this.#objective = objective;
    this.#runtime = runtime;
  }

  /** Batches 0 .. count - 1 with their losses. Made anew each time: kept, a few would take more memory than the model. */
  async *of(weights: Weights, count: number): AsyncGenerator<Batch & { readonly losses: Float32Array }> {
    const parameters = Object.fromEntries([...weights].map(([name, { data }]) => [name, data]));
    for (let n = 0; n < count; n++) {
      const batch = this.#objective.batch(n);
      const session = await this.#session(batch.variant);
      const { losses } = await session.run({ ...parameters, ...batch.feeds });
      yield { ...batch, losses };
    }
  }

  async #session(variant: string): Promise<Session> {
    const known = this.#sessions.get(variant);
    if (known) return known;
    const session = await Session.create(lossGraph(this.#specs, this.#objective, variant), this.#runtime);
    this.#sessions.set(variant, session);
    return session;
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await session.release();
  }
}
