import { join } from 'node:path';
import { loadRunnableBase } from '../models/checkpoint/adapter-directory.ts';
import { readText } from '../models/files/read-text.ts';
import { parameterCount } from '../models/ssd2/parameters.ts';
import { ParameterBuffers } from '../models/training/parameter-buffers.ts';
import { parseRecipe } from '../models/training/recipe.ts';
import { traineeOf } from '../models/training/trainee.ts';
import { TrainingStepper } from '../models/training/training-stepper.ts';
import type { Row } from './row.ts';
import { medianMilliseconds } from './timing.ts';

const recipeFile = join(import.meta.dirname, '..', 'models', 'training', 'recipes', 'core.yaml');

/** The core's training step: all of it, and without the pass that makes previous logits. */
export async function trainingRows(peak: number): Promise<Row[]> {
  const recipe = parseRecipe(await readText(recipeFile), recipeFile);
  const base = recipe.model.kind === 'adapter' ? await loadRunnableBase(recipe.model.base) : undefined;
  const tokens = Uint16Array.from({ length: 100_000 }, (_, i) => (i * 7919) % recipe.model.vocabulary);
  const parameters = parameterCount(traineeOf(recipe, { tokens }, base?.network).specs);
  const measured: Row[] = [];
  for (const [name, selfConditioning] of [
    ['plain', 0],
    ['self-conditioned', 1],
  ] as const) {
    const before = process.memoryUsage().rss;
    const changed = { ...recipe, objective: { ...recipe.objective, selfConditioning } };
    const trainee = traineeOf(changed, { tokens }, base?.network);
    const buffers = new ParameterBuffers(trainee.specs);
    buffers.initialise(recipe.seed, tokens);
    const objective = trainee.objective({ tokens }, recipe.seed);
    const stepper = await TrainingStepper.create(changed, objective, buffers);
    let step = 0;
    const milliseconds = await medianMilliseconds(7, () => stepper.step(++step, 1e-4));
    const resident = process.memoryUsage().rss - before;
    await stepper.release();
    const { rows } = objective;
    // The customary count, forward and backward, of every token that has a loss: the noised ones, and the clean ones,
    // which learn their next token in a pass of their own.
    const rate = (trained: number) => (6 * parameters * trained) / milliseconds / 1e6;
    const row = (what: string, value: number, unit: string) => ({ name: `training step, ${name}${what}`, value, unit });
    const share = (what: string, value: number) => ({
      ...row(what, value, 'GFLOP/s'),
      baseline: 'the matrix product',
      ratio: value / peak,
    });
    measured.push(
      row('', milliseconds, 'ms'),
      row(', noised tokens', (1000 * rows) / milliseconds, 'tokens/s'),
      share(', 6 P N, N = noised and clean tokens', rate(2 * rows)),
      share(', 6 P N, N = noised tokens alone', rate(rows)),
      {
        ...row(', kept from step to step', buffers.byteLength / 2 ** 20, 'MiB'),
        baseline: '4 x parameters x 4 bytes',
        ratio: buffers.byteLength / (16 * parameters),
      },
      row(', memory with activations', resident / 2 ** 20, 'MiB'),
    );
  }
  return measured;
}
