import { positionTimesteps } from '../ssd2/form.ts';
import { cleanTimestep } from '../ssd2/information.ts';
import { timestepOf } from '../ssd2/schedule.ts';
import { noiseSimplex } from '../ssd2/simplex.ts';
import type { LaneStep } from '../ssd2/step.ts';

/** Each position's timestep, none below that of a clean token. */
export function laneTimesteps({ form, step, steps, settled = 0 }: LaneStep, block: number): number[] {
  const timesteps = form
    ? positionTimesteps(form, step, settled, block)
    : new Array<number>(block).fill(timestepOf(step, steps));
  return timesteps.map((t) => Math.max(t, cleanTimestep));
}

/**
 * x_t of one position under the posterior simplex: under a form with the block's one noise, else with the step's. Where
 * nothing is chosen yet there is only noise.
 *
 * @param out [vocabulary], overwritten
 */
export function laneNoise(lane: LaneStep, position: number, t: number, out: Float32Array): void {
  const { seed, block, tokens, form } = lane;
  const address = { seed, lane: lane.lane, block, step: form ? 0 : lane.step, position };
  noiseSimplex(tokens?.[position] ?? [], tokens ? t : 1, 'posterior', address, out);
}
