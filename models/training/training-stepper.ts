import type { TensorData } from '../graph/index.ts';
import { type RuntimeOptions, Session } from '../runtime/session.ts';
import { AdamW } from './adamw.ts';
import { BatchSource } from './batch.ts';
import type { ParameterBuffers } from './parameter-buffers.ts';
import { learningRateAt, type Recipe } from './recipe.ts';
import { gradientName, trainingGraph } from './training-graph.ts';

/** Views of one of the buffers as a graph's feeds or destinations. */
export function tensorsOf(buffers: ParameterBuffers, buffer: Float32Array, rename = (name: string) => name) {
  const entries = [...buffers.views(buffer)].map(([name, { data }]) => [rename(name), data]);
  return Object.fromEntries(entries) as Record<string, TensorData>;
}

/** The training step: batch, gradients, update. */
export class TrainingStepper {
  readonly #recipe: Recipe;
  readonly #source: BatchSource;
  readonly #plain: Session;
  readonly #conditioned: Session;
  readonly #optimiser: AdamW;
  readonly #weights: Record<string, TensorData>;
  readonly #gradients: Record<string, TensorData>;

  private constructor(
    recipe: Recipe,
    source: BatchSource,
    sessions: readonly [Session, Session],
    optimiser: AdamW,
    buffers: ParameterBuffers,
  ) {
    this.#recipe = recipe;
    this.#source = source;
    [this.#plain, this.#conditioned] = sessions;
    this.#optimiser = optimiser;
    this.#weights = tensorsOf(buffers, buffers.weights);
    this.#gradients = tensorsOf(buffers, buffers.gradients, gradientName);
  }

  static async create(recipe: Recipe, tokens: Uint16Array, buffers: ParameterBuffers, runtime?: RuntimeOptions) {
    const source = new BatchSource(tokens, recipe.model, recipe, recipe.seed, recipe.timesteps);
    const plain = await Session.create(trainingGraph(recipe.model, recipe, false, recipe.nextTokenWeight), runtime);
    const conditioned = await Session.create(
      trainingGraph(recipe.model, recipe, true, recipe.nextTokenWeight),
      runtime,
    );
    return new TrainingStepper(
      recipe,
      source,
      [plain, conditioned],
      await AdamW.create(buffers, recipe, runtime),
      buffers,
    );
  }

  async step(step: number) {
    const { feeds, timesteps } = this.#source.batch(step - 1);
    const session = this.#source.conditioned(step - 1, this.#recipe.selfConditioning) ? this.#conditioned : this.#plain;
    const { losses } = await session.run({ ...this.#weights, ...feeds }, this.#gradients);
    const learningRate = learningRateAt(this.#recipe, step);
    const gradientNorm = await this.#optimiser.update(step, learningRate);
    return { losses, timesteps, gradientNorm, learningRate };
  }

  async release(): Promise<void> {
    await Promise.all([this.#plain, this.#conditioned, this.#optimiser].map((session) => session.release()));
  }
}
