import { loadRunnableBase } from '../models/checkpoint/adapter-directory.ts';
import type { BaseShape } from '../models/network/base-shape.ts';
import { familyOf } from '../models/network/families.ts';
import { parameterCount } from '../models/ssd2/parameters.ts';
import { ParameterBuffers } from '../models/training/parameter-buffers.ts';
import { shippedRecipe } from '../models/training/recipe.ts';
import { traineeOf } from '../models/training/trainee.ts';
import { TrainingStepper } from '../models/training/training-stepper.ts';
import type { Row } from './row.ts';
import { medianMilliseconds } from './timing.ts';

/** The core's training step: all of it, and without the pass that makes previous logits. */
export async function trainingRows(peak: number): Promise<Row[]> {
  const recipe = await shippedRecipe('core');
  if (recipe.model.kind !== 'adapter') throw new TypeError('core.yaml trains no adapter');
  const { network } = await loadRunnableBase(recipe.model.base);
  const tokens = Uint16Array.from({ length: 100_000 }, (_, i) => (i * 7919) % network.shape.vocabulary);
  const measured: Row[] = [];
  for (const [name, selfConditioning] of [
    ['plain', 0],
    ['self-conditioned', 1],
  ] as const) {
    const before = process.memoryUsage().rss;
    const changed = { ...recipe, objective: { ...recipe.objective, selfConditioning } };
    const trainee = traineeOf(changed, { tokens }, network);
    const buffers = new ParameterBuffers(trainee.specs);
    buffers.initialise(recipe.seed, tokens);
    const objective = trainee.objective({ tokens }, recipe.seed);
    const stepper = await TrainingStepper.create(changed, objective, buffers);
    let step = 0;
    const milliseconds = await medianMilliseconds(7, () => stepper.step(++step, 1e-4));
    const resident = process.memoryUsage().rss - before;
    await stepper.release();
    const { rows } = objective;
    const clean = rows / (recipe.batch.noisings ?? 1);
    const work = multiplications(network.shape, parameterCount(trainee.specs), { rows, clean, selfConditioning });
    const rate = (2 * work) / milliseconds / 1e6;
    const row = (what: string, value: number, unit: string) => ({ name: `training step, ${name}${what}`, value, unit });
    measured.push(
      row('', milliseconds, 'ms'),
      row(', noised tokens', (1000 * rows) / milliseconds, 'tokens/s'),
      { ...row(', its products', rate, 'GFLOP/s'), baseline: 'the matrix product', ratio: rate / peak },
      row(', kept from step to step', buffers.byteLength / 2 ** 20, 'MiB'),
      row(', memory with activations', resident / 2 ** 20, 'MiB'),
    );
  }
  return measured;
}

/**
 * Of the matrix products: noised rows go through table, layers and head and back through head and layers, whose frozen
 * weights have no gradient; through the correction twice on the way back; clean rows go through the layers.
 */
function multiplications(
  shape: BaseShape,
  correction: number,
  { rows, clean, selfConditioning }: { rows: number; clean: number; selfConditioning: number },
): number {
  const layers = shape.layers * familyOf(shape).matrices.reduce((sum, { from, to }) => sum + from * to, 0);
  const table = shape.vocabulary * shape.width;
  const forward = layers + 2 * table + correction;
  const back = layers + table + 2 * correction;
  return rows * ((1 + selfConditioning) * forward + back) + clean * layers;
}
