import type { RuntimeOptions } from '../runtime/session.ts';
import { ObjectiveLosses } from './objective-losses.ts';
import type { Objective } from './objectives/objective.ts';
import type { ParameterBuffers } from './parameter-buffers.ts';
import { RangeMeans } from './range-means.ts';

export interface ValidationLoss {
  readonly loss: number;
  readonly lossByRange: readonly number[];
}

/** The averaged weights' loss on the same few batches each time. */
export class Validator {
  readonly #losses: ObjectiveLosses;
  readonly #count: number;
  readonly #buffers: ParameterBuffers;

  constructor(objective: Objective, count: number, buffers: ParameterBuffers, runtime?: RuntimeOptions) {
    this.#losses = new ObjectiveLosses(buffers.specs, objective, runtime);
    this.#count = count;
    this.#buffers = buffers;
  }

  async validate(): Promise<ValidationLoss> {
    const means = new RangeMeans();
    for await (const { losses, weights, timesteps } of this.#losses.of(this.#buffers.averages(), this.#count)) {
      means.add(losses, weights, timesteps);
    }
    return { loss: means.overall, lossByRange: means.byRange };
  }

  release(): Promise<void> {
    return this.#losses.release();
  }
}
