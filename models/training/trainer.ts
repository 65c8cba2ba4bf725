import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TensorData } from '../graph/index.ts';
import { type RuntimeOptions, Session } from '../runtime/session.ts';
import { type Batch, BatchSource } from './batch.ts';
import { ParameterBuffers } from './parameter-buffers.ts';
import { RangeMeans } from './range-means.ts';
import type { Recipe } from './recipe.ts';
import { loadTrainingCheckpoint, saveTrainingCheckpoint } from './training-checkpoint.ts';
import { lossGraph } from './training-graph.ts';
import { TrainingStepper, tensorsOf } from './training-stepper.ts';

/** One line of metrics.jsonl. */
export interface Metrics {
  readonly step: number;
  readonly tokens: number;
  /** Mean cross-entropy in nats a noised token since the last line, overall and by fifth of t. */
  readonly loss: number;
  readonly lossByRange: readonly number[];
  readonly validation?: { readonly loss: number; readonly lossByRange: readonly number[] };
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Noised tokens a second since the last line, and seconds of training in all. */
  readonly tokensPerSecond: number;
  readonly seconds: number;
}

export interface TrainingData {
  readonly train: Uint16Array;
  readonly validation: Uint16Array;
}

export interface TrainingOptions {
  readonly runtime?: RuntimeOptions;
  /** Called after each step. */
  readonly onStep?: (step: number, loss: number, tokensPerSecond: number) => void;
  readonly onMetrics?: (metrics: Metrics) => void;
  readonly signal?: AbortSignal;
}

const files = { checkpoint: 'checkpoint.safetensors', metrics: 'metrics.jsonl' };
/** Steps between two lines of metrics.jsonl. */
const metricsEvery = 20;

/**
 * Trains a model, or goes on with the checkpoint in `folder`: a run killed at any moment loses at most
 * `checkpointEvery` steps and then repeats them exactly.
 *
 * @returns the buffers, whose `averages` are the trained weights
 */
export async function train(
  recipe: Recipe,
  data: TrainingData,
  folder: string,
  options: TrainingOptions = {},
): Promise<ParameterBuffers> {
  await mkdir(folder, { recursive: true });
  const checkpoint = join(folder, files.checkpoint);
  const fingerprint = createHash('sha256').update(data.train).digest('hex');
  const buffers = new ParameterBuffers(recipe.model);
  let state = { step: 0, seconds: 0, data: fingerprint };
  if (existsSync(checkpoint)) {
    state = await loadTrainingCheckpoint(checkpoint, buffers);
    if (state.data !== fingerprint)
      throw new Error(`${checkpoint} was trained on other data or with another tokenizer`);
  } else buffers.initialise(recipe.seed, data.train);
  await dropMetricsAfter(join(folder, files.metrics), state.step);

  const stepper = await TrainingStepper.create(recipe, data.train, buffers, options.runtime);
  const validator = await Validator.create(recipe, data.validation, buffers, options.runtime);
  const rowsPerStep = recipe.sequences * recipe.blocks * recipe.model.block;
  let window = new RangeMeans();
  let windowStart = performance.now();
  let windowSteps = 0;
  const save = () => saveTrainingCheckpoint(checkpoint, buffers, state);

  while (state.step < recipe.steps && !options.signal?.aborted) {
    const started = performance.now();
    const { losses, timesteps, gradientNorm, learningRate } = await stepper.step(state.step + 1);
    window.add(losses, timesteps);
    windowSteps++;
    state = { ...state, step: state.step + 1, seconds: state.seconds + (performance.now() - started) / 1000 };
    const tokensPerSecond = (windowSteps * rowsPerStep * 1000) / (performance.now() - windowStart);
    options.onStep?.(state.step, window.overall, tokensPerSecond);
    const last = state.step === recipe.steps;
    const validate = state.step % recipe.validateEvery === 0 || last;
    if (validate || state.step % metricsEvery === 0) {
      const metrics: Metrics = {
        step: state.step,
        tokens: state.step * rowsPerStep,
        loss: window.overall,
        lossByRange: window.byRange,
        ...(validate ? { validation: await validator.validate() } : {}),
        gradientNorm,
        learningRate,
        tokensPerSecond,
        seconds: state.seconds,
      };
      await appendFile(join(folder, files.metrics), `${JSON.stringify(metrics)}\n`);
      options.onMetrics?.(metrics);
      window = new RangeMeans();
      windowStart = performance.now();
      windowSteps = 0;
    }
    if (state.step % recipe.checkpointEvery === 0 || last) await save();
  }
  if (options.signal?.aborted) await save();
  await Promise.all([stepper.release(), validator.release()]);
  return buffers;
}

/** Lines past the checkpoint will be written again. */
async function dropMetricsAfter(path: string, step: number): Promise<void> {
  if (!existsSync(path)) return;
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => {
    try {
      return JSON.parse(line).step <= step;
    } catch {
      return false; // the line that a kill cut off
    }
  });
  await writeFile(path, lines.map((line) => `${line}\n`).join(''));
}

/** The averaged weights' loss on the same few batches each time. */
class Validator {
  readonly #session: Session;
  readonly #batches: readonly Batch[];
  readonly #weights: Record<string, TensorData>;

  private constructor(session: Session, batches: readonly Batch[], weights: Record<string, TensorData>) {
    this.#session = session;
    this.#batches = batches;
    this.#weights = weights;
  }

  static async create(recipe: Recipe, tokens: Uint16Array, buffers: ParameterBuffers, runtime?: RuntimeOptions) {
    const source = new BatchSource(tokens, recipe.model, recipe, recipe.seed + 1);
    const batches = Array.from({ length: recipe.validationBatches }, (_, n) => source.batch(n));
    const session = await Session.create(lossGraph(recipe.model, recipe), runtime);
    return new Validator(session, batches, tensorsOf(buffers, buffers.averages));
  }

  async validate(): Promise<{ loss: number; lossByRange: number[] }> {
    const means = new RangeMeans();
    for (const { feeds, timesteps } of this.#batches) {
      const { losses } = await this.#session.run({ ...this.#weights, ...feeds });
      means.add(losses, timesteps);
    }
    return { loss: means.overall, lossByRange: means.byRange };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
