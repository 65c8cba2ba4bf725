import * as z from 'zod';
import type { MergedLogits } from './ensemble.ts';

/** When a block may stop before its last timestep. */
export const haltingSchema = z
  .strictObject({
    /** SSD-2's early stop: timesteps at or below this are not run. 0 runs all. */
    stopAt: z.number(),
    /**
     * Adaptive halting: stop once the likeliest tokens stayed the same for `patience` steps and the mean entropy, in
     * nats a position, is below `entropy`.
     */
    patience: z.int(),
    entropy: z.number(),
  })
  .readonly();
export type HaltingRule = z.infer<typeof haltingSchema>;

/** The number of steps that early stop leaves of `steps`; at least one. */
export function stepsToRun(steps: number, stopAt: number): number {
  // The rounding guards products that are whole but for the last bit, like 100 * (1 - 0.4).
  return Math.max(1, Math.ceil(Math.round(steps * (1 - stopAt) * 1e9) / 1e9));
}

/** Mean entropy in nats a position; the tail counts as one outcome, which makes this a lower bound. */
export function meanEntropy(merged: MergedLogits): number {
  let total = 0;
  for (const { logProbabilities, probabilities, tailLogMass } of merged) {
    if (tailLogMass > Number.NEGATIVE_INFINITY) total -= tailLogMass * Math.exp(tailLogMass);
    // Of a probability of 0 the logarithm may be -Infinity, and their product no number.
    for (let i = 0; i < probabilities.length; i++)
      if (probabilities[i] > 0) total -= logProbabilities[i] * probabilities[i];
  }
  return total / merged.length;
}
