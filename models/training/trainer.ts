import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { largestToken } from '../data/token-store.ts';
import type { Corpus } from '../data/tokenize.ts';
import { makeFolder } from '../files/make-folder.ts';
import type { RuntimeOptions } from '../runtime/session.ts';
import type { Weights } from '../ssd2/graphs.ts';
import { appendMetrics, dropMetricsAfter, type Metrics } from './metrics.ts';
import { ParameterBuffers } from './parameter-buffers.ts';
import { RangeMeans } from './range-means.ts';
import { learningRateAt, type Recipe } from './recipe.ts';
import { runIdentity } from './run-identity.ts';
import { type Trainee, traineeOf } from './trainee.ts';
import { loadTrainingCheckpoint, saveTrainingCheckpoint, type TrainingState } from './training-checkpoint.ts';
import { TrainingStepper } from './training-stepper.ts';
import { Validator } from './validator.ts';

export interface TrainingData {
  readonly train: Corpus;
  readonly validation: Corpus;
  /** What is mixed into the training text. */
  readonly chat?: Corpus;
}

export interface TrainingOptions {
  readonly runtime?: RuntimeOptions;
  /** What a new run starts from instead of fresh weights. */
  readonly from?: Weights;
  /** What is trained; an adapter's needs its base to be made. */
  readonly trainee?: Trainee;
  /** Called after each step; `steps` is the budget, once it is known. */
  readonly onStep?: (step: number, steps: number | null, loss: number, tokensPerSecond: number) => void;
  readonly onMetrics?: (metrics: Metrics) => void;
  readonly signal?: AbortSignal;
}

const checkpointFile = 'checkpoint.safetensors';
/** Steps between two lines of metrics.jsonl, and after which a budget of minutes becomes one of steps. */
const metricsEvery = 20;
/** Steps in a row without a finite gradient that end a run. */
const patience = 10;

/**
 * Trains a model, or goes on with the checkpoint in `folder`: a run killed at any moment loses at most
 * `checkpointEvery` steps and then repeats them exactly.
 *
 * @returns the buffers, whose averages() are the trained weights
 * @throws Error when the checkpoint is of another run, saying what differs, or the gradients are not finite any more
 */
export async function train(
  recipe: Recipe,
  data: TrainingData,
  folder: string,
  options: TrainingOptions = {},
): Promise<ParameterBuffers> {
  await makeFolder(folder);
  const checkpoint = join(folder, checkpointFile);
  const trainee = options.trainee ?? traineeOf(recipe, data.train);
  const buffers = new ParameterBuffers(trainee.specs);
  const objective = trainee.objective(data.train, recipe.seed);
  const tokensPerStep = objective.rows * recipe.batch.accumulate;
  let state: TrainingState = await start(recipe, data, checkpoint, buffers, tokensPerStep, options.from);
  await dropMetricsAfter(folder, state.step);
  const runtime = { provider: recipe.provider, ...options.runtime };
  const stepper = await TrainingStepper.create(recipe, objective, buffers, runtime);
  const held = trainee.validation(data.validation, recipe.seed + 1);
  const validator = new Validator(held, recipe.validation.batches, buffers, runtime);
  let window = new Window(state.window);
  let failures = 0;
  const done = () => state.steps !== null && state.step >= state.steps;

  while (!done() && !options.signal?.aborted) {
    const started = performance.now();
    const step = state.step + 1;
    const learningRate = learningRateAt(recipe, step, state.steps ?? Number.POSITIVE_INFINITY);
    const { batches, gradientNorm } = await stepper.step(step, learningRate);
    failures = Number.isFinite(gradientNorm) ? 0 : failures + 1;
    if (failures === patience) {
      throw new Error(`step ${step}: ${patience} steps in a row had no finite gradient; try a lower learning rate`);
    }
    for (const { losses, weights, timesteps } of batches) window.means.add(losses, weights, timesteps);
    const took = (performance.now() - started) / 1000;
    window.steps++;
    window.seconds += took;
    const seconds = state.seconds + took;
    state = { ...state, step, seconds };
    // Fixed once and kept in the checkpoint, so that a resumed run follows the same learning rates.
    if (state.steps === null && step >= metricsEvery) {
      state = { ...state, steps: Math.max(step, Math.round(((recipe.budget.minutes ?? 0) * 60 * step) / seconds)) };
    }
    const tokensPerSecond = window.tokensPerSecond(tokensPerStep);
    options.onStep?.(step, state.steps, window.means.overall, tokensPerSecond);
    const validate = step % recipe.validation.every === 0 || done();
    if (validate || step % metricsEvery === 0) {
      const metrics: Metrics = {
        step,
        tokens: step * tokensPerStep,
        loss: window.means.overall,
        lossByRange: window.means.byRange,
        ...(validate ? { validation: await validator.validate() } : {}),
        ...{ gradientNorm, learningRate, tokensPerSecond, seconds },
      };
      await appendMetrics(folder, metrics);
      options.onMetrics?.(metrics);
      window = new Window();
    }
    state = { ...state, window: window.state };
    if (step % recipe.checkpointEvery === 0 || done()) await saveTrainingCheckpoint(checkpoint, buffers, state);
  }
  if (options.signal?.aborted) await saveTrainingCheckpoint(checkpoint, buffers, state);
  await Promise.all([stepper.release(), validator.release()]);
  return buffers;
}

/** The state of the checkpoint, or of a new run. */
async function start(
  recipe: Recipe,
  data: TrainingData,
  checkpoint: string,
  buffers: ParameterBuffers,
  tokensPerStep: number,
  from: Weights | undefined,
): Promise<TrainingState> {
  const { model, seed, budget } = recipe;
  checkTokens(data, model.vocabulary);
  const identity = runIdentity(recipe, data, from);
  const steps = budget.steps ?? (budget.tokens === undefined ? null : Math.ceil(budget.tokens / tokensPerStep));
  if (existsSync(checkpoint)) {
    const state = await loadTrainingCheckpoint(checkpoint, buffers, identity);
    return { ...state, steps: steps ?? state.steps };
  }
  buffers.initialise(seed, data.train.tokens);
  if (from) buffers.startFrom(from);
  return { step: 0, steps, seconds: 0, identity, window: new Window().state };
}

/** A token that the model does not have would be read past its table's end. */
function checkTokens(data: TrainingData, vocabulary: number): void {
  for (const [name, { tokens }] of Object.entries(data)) {
    const largest = largestToken(tokens);
    if (largest >= vocabulary) throw new RangeError(`${name} data: token ${largest}, the model has ${vocabulary}`);
  }
}

/** What is measured between two lines of metrics. */
class Window {
  readonly means: RangeMeans;
  steps: number;
  /** Of training, without validation and checkpoints. */
  seconds: number;

  constructor(state?: TrainingState['window']) {
    this.means = new RangeMeans(state?.means);
    this.steps = state?.steps ?? 0;
    this.seconds = state?.seconds ?? 0;
  }

  get state(): TrainingState['window'] {
    return { steps: this.steps, seconds: this.seconds, means: this.means.state };
  }

  tokensPerSecond(tokensPerStep: number): number {
    return (this.steps * tokensPerStep) / this.seconds;
  }
}
