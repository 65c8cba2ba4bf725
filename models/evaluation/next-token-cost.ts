import type { StepModel } from '../inference/step-model.ts';
import { nextTokenForm } from '../ssd2/form.ts';
import type { LaneStep } from '../ssd2/step.ts';

/** A block's tokens, of which each is asked about given those before it. */
export function nextTokenLane(context: readonly number[], next: readonly number[] | null): LaneStep {
  return {
    ...{ context: [...context], previous: null, form: nextTokenForm, steps: 1 },
    tokens: next?.map((token) => [token]) ?? null,
    ...{ seed: 0, lane: 0, block: 0, step: 0 },
  };
}

/** Next-token log-probabilities of a block's tokens given those before each. */
export async function logits(
  model: StepModel,
  context: readonly number[],
  next: readonly number[] | null,
  vocabulary: number,
): Promise<Float32Array> {
  const { envelopes } = await model.denoise([nextTokenLane(context, next)], vocabulary, '');
  return Float32Array.from(envelopes[0].logProbabilities);
}

/** What a token costs, in nats, under the normalised sum of two models' logits. */
export function cost(general: Float32Array, kept: number, other: Float32Array, weight: number, token: number): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let v = 0; v < general.length; v++) max = Math.max(max, kept * general[v] + weight * other[v]);
  let sum = 0;
  for (let v = 0; v < general.length; v++) sum += Math.exp(kept * general[v] + weight * other[v] - max);
  return max + Math.log(sum) - (kept * general[token] + weight * other[token]);
}

/** Weights that `costsByTenths` has the costs at. */
export const tenths = Array.from({ length: 11 }, (_, i) => i / 10);

/**
 * What a token costs, in nats, under the normalised sum general + weight * direction, at the weights 0, 0.1 .. 1: as `cost` has it,
 * with two exponentials an entry for all of them.
 *
 * @param direction of entry v: of two models, what the other's logit has more
 */
export function costsByTenths(general: Float32Array, direction: (v: number) => number, token: number): number[] {
  const sums = new Float64Array(tenths.length);
  let max = Number.NEGATIVE_INFINITY;
  for (const value of general) max = Math.max(max, value);
  for (let v = 0; v < general.length; v++) {
    let term = Math.exp(general[v] - max);
    const factor = Math.exp(direction(v) / 10);
    for (let i = 0; i < sums.length; i++, term *= factor) sums[i] += term;
  }
  return tenths.map((weight, i) => max + Math.log(sums[i]) - general[token] - weight * direction(token));
}
