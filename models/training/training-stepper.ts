import type { TensorData } from '../graph/index.ts';
import { type RuntimeOptions, Session } from '../runtime/session.ts';
import { AdamW } from './adamw.ts';
import { earlierName, gradientGraph, gradientName } from './gradient-graph.ts';
import type { Batch, Objective } from './objectives/objective.ts';
import type { ParameterBuffers } from './parameter-buffers.ts';
import type { Recipe } from './recipe.ts';

/** Views of one of the buffers as a graph's feeds or destinations. */
function tensorsOf(buffers: ParameterBuffers, buffer: Float32Array, rename = (name: string) => name) {
  const entries = [...buffers.views(buffer)].map(([name, { data }]) => [rename(name), data]);
  return Object.fromEntries(entries) as Record<string, TensorData>;
}

interface Variant {
  readonly session: Session;
  /** Where it writes its gradients. */
  readonly destinations: Record<string, TensorData>;
  /** Gradients of the parameters that it leaves out. */
  readonly untrained: readonly Float32Array[];
}

/** What one step saw and did. */
export interface StepResult {
  /** A micro-batch each, with its losses in nats. */
  readonly batches: readonly (Batch & { readonly losses: Float32Array })[];
  /** Before clipping. */
  readonly gradientNorm: number;
}

/** The training step: batches, gradients, update. */
export class TrainingStepper {
  readonly #recipe: Recipe;
  readonly #objective: Objective;
  readonly #buffers: ParameterBuffers;
  readonly #optimiser: AdamW;
  readonly #runtime: RuntimeOptions;
  readonly #variants = new Map<string, Promise<Variant>>();
  readonly #weights: Record<string, TensorData>;
  readonly #earlier: Record<string, TensorData>;

  private constructor(
    recipe: Recipe,
    objective: Objective,
    buffers: ParameterBuffers,
    optimiser: AdamW,
    runtime: RuntimeOptions,
  ) {
    this.#recipe = recipe;
    this.#objective = objective;
    this.#buffers = buffers;
    this.#optimiser = optimiser;
    this.#runtime = runtime;
    this.#weights = tensorsOf(buffers, buffers.weights);
    this.#earlier = tensorsOf(buffers, buffers.gradients, earlierName);
  }

  static async create(
    recipe: Recipe,
    objective: Objective,
    buffers: ParameterBuffers,
    runtime: RuntimeOptions = {},
  ): Promise<TrainingStepper> {
    // Its buffers lie in this process's memory, where it writes them in place.
    const optimiser = await AdamW.create(buffers, recipe.optimiser, { ...runtime, provider: 'cpu' });
    return new TrainingStepper(recipe, objective, buffers, optimiser, runtime);
  }

  /** @param step counts from 1 */
  async step(step: number, learningRate: number): Promise<StepResult> {
    const { accumulate } = this.#recipe.batch;
    const batches: (Batch & { losses: Float32Array })[] = [];
    if (accumulate > 1) this.#buffers.gradients.fill(0);
    for (let part = 0; part < accumulate; part++) {
      const batch = this.#objective.batch((step - 1) * accumulate + part);
      const { session, destinations, untrained } = await this.#variant(batch.variant);
      // A parameter that a variant leaves out has no gradient, whatever the last step's was.
      if (accumulate === 1) for (const gradient of untrained) gradient.fill(0);
      // Gradients are written where the earlier ones stood: each is read by the addition that overwrites it alone.
      const { losses } = await session.run({ ...this.#weights, ...this.#earlier, ...batch.feeds }, destinations);
      batches.push({ ...batch, losses });
    }
    return { batches, gradientNorm: await this.#optimiser.update(step, learningRate) };
  }

  #variant(name: string): Promise<Variant> {
    const known = this.#variants.get(name);
    if (known) return known;
    const { batch } = this.#recipe;
    const { graph, trained } = gradientGraph(this.#buffers.specs, this.#objective, name, batch.accumulate);
    const gradients = [...this.#buffers.views(this.#buffers.gradients)];
    const isTrained = new Set(trained);
    const destinations = Object.fromEntries(
      gradients.flatMap(([parameter, { data }]) => (isTrained.has(parameter) ? [[gradientName(parameter), data]] : [])),
    );
    const untrained = gradients.flatMap(([parameter, { data }]) => (isTrained.has(parameter) ? [] : [data]));
    const made = Session.create(graph, this.#runtime).then((session) => ({ session, destinations, untrained }));
    this.#variants.set(name, made);
    return made;
  }

  async release(): Promise<void> {
    for (const variant of this.#variants.values()) await (await variant).session.release();
    await this.#optimiser.release();
  }
}
