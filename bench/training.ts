import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parameterCount } from '../models/ssd2/parameters.ts';
import { ParameterBuffers } from '../models/training/parameter-buffers.ts';
import { parseRecipe } from '../models/training/recipe.ts';
import { TrainingStepper } from '../models/training/training-stepper.ts';
import type { Row } from './row.ts';
import { medianMilliseconds } from './timing.ts';

const recipeFile = join(import.meta.dirname, '..', 'models', 'training', 'recipes', 'core.json');

/** The core's training step: all of it, and without the pass that makes previous logits. */
export async function trainingRows(peak: number): Promise<Row[]> {
  const recipe = parseRecipe(await readFile(recipeFile, 'utf8'), recipeFile);
  const tokens = Uint16Array.from({ length: 100_000 }, (_, i) => (i * 7919) % recipe.model.vocabulary);
  const rows = recipe.sequences * recipe.blocks * recipe.model.block;
  const parameters = parameterCount(recipe.model);
  const measured: Row[] = [];
  for (const [name, selfConditioning] of [
    ['plain', 0],
    ['self-conditioned', 1],
  ] as const) {
    const buffers = new ParameterBuffers(recipe.model);
    buffers.initialise(recipe.seed, tokens);
    const stepper = await TrainingStepper.create({ ...recipe, selfConditioning }, tokens, buffers);
    let step = 0;
    const milliseconds = await medianMilliseconds(7, () => stepper.step(++step));
    await stepper.release();
    // The customary count, forward and backward; what the context's pass and attention cost comes on top of it.
    const value = (6 * parameters * rows) / milliseconds / 1e6;
    measured.push(
      { name: `training step, ${name}`, value: milliseconds, unit: 'ms' },
      { name: `training step, ${name}, tokens`, value: (1000 * rows) / milliseconds, unit: 'tokens/s' },
      {
        name: `training step, ${name}, 6 P N`,
        value,
        unit: 'GFLOP/s',
        baseline: 'the matrix product',
        ratio: value / peak,
      },
    );
  }
  return measured;
}
