import type { MergedLogits, MergedPosition } from './ensemble.ts';
import { gumbel, type NoiseAddress } from './noise.ts';
import { takeLargest } from './selection.ts';

/**
 * From logits back to tokens, the projection of arXiv 2210.17432: one sample of the nucleus a position, the likeliest
 * token, or the whole nucleus at once.
 */
export const projections = ['sample', 'greedy', 'multi-hot'] as const;
export type Projection = (typeof projections)[number];

/** Of a nucleus, multi-hot takes its likeliest tokens, at most so many: all of them are in a step's state. */
export const hottest = 64;

/**
 * The tokens of each position, one but for multi-hot.
 *
 * @param topP the nucleus' share of the mass, in (0, 1]
 * @param uniform a number in (0, 1) for each position
 */
export function project(
  merged: MergedLogits,
  projection: Projection,
  topP: number,
  uniform: (position: number) => number,
): number[][] {
  return merged.map((position, index) => {
    if (projection === 'greedy') return [likeliest(position)];
    const members = nucleus(position, topP);
    const { ids, probabilities } = position;
    if (projection === 'multi-hot') {
      const hot = members.length > hottest ? takeLargest(position.logProbabilities, hottest) : members;
      return hot.map((i) => ids[i]);
    }
    let mass = 0;
    for (const i of members) mass += probabilities[i];
    let left = uniform(index) * mass;
    // Rounding may leave a little at the end: then it is the last.
    const chosen = members.find((i) => {
      left -= probabilities[i];
      return left < 0;
    });
    return [ids[chosen ?? members[members.length - 1]]];
  });
}

/**
 * One sample of the nucleus as the largest of log-probability + Gumbel noise (the Gumbel-max trick): with the noise of a
 * position fixed, nearby distributions choose the same token.
 */
export function perturbedChoice(position: MergedPosition, topP: number, address: NoiseAddress): number {
  const { ids, logProbabilities } = position;
  let best = { token: -1, score: Number.NEGATIVE_INFINITY };
  for (const i of nucleus(position, topP)) {
    const score = logProbabilities[i] + gumbel(address, ids[i]);
    if (score > best.score) best = { token: ids[i], score };
  }
  return best.token;
}

export function likeliest({ ids, logProbabilities }: MergedPosition): number {
  let best = 0;
  for (let i = 1; i < ids.length; i++) if (logProbabilities[i] > logProbabilities[best]) best = i;
  return ids[best];
}

/**
 * The fewest likeliest tokens whose mass reaches topP, the one that crosses it included (arXiv 1904.09751), as indices
 * into the position's entries, ascending; of equally likely ones at the border the lowest ids.
 */
export function nucleus({ logProbabilities, probabilities }: MergedPosition, topP: number): number[] {
  return takeLargest(logProbabilities, topP, probabilities);
}

/** The distributions of logits / temperature; the tail's tokens share its mass alike. */
export function tempered(merged: MergedLogits, vocabulary: number, temperature: number): MergedLogits {
  if (temperature === 1) return merged;
  return merged.map(({ ids, logProbabilities, tailLogMass }) => {
    const others = Math.log(vocabulary - ids.length);
    const scaled = logProbabilities.map((value) => value / temperature);
    const tail = tailLogMass === Number.NEGATIVE_INFINITY ? tailLogMass : others + (tailLogMass - others) / temperature;
    const max = scaled.reduce((most, value) => Math.max(most, value), tail);
    const sum = scaled.reduce((total, value) => total + Math.exp(value - max), Math.exp(tail - max));
    const normaliser = max + Math.log(sum);
    const normalised = scaled.map((value) => value - normaliser);
    return {
      ids,
      logProbabilities: normalised,
      probabilities: normalised.map(Math.exp),
      tailLogMass: tail - normaliser,
    };
  });
}
