import type { MergedLogits, MergedPosition } from './ensemble.ts';

/**
 * From logits back to tokens, the projection of arXiv 2210.17432: one sample of the nucleus a position, the likeliest
 * token, or the whole nucleus at once.
 */
export const projections = ['sample', 'greedy', 'multi-hot'] as const;
export type Projection = (typeof projections)[number];

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
    const { ids, logProbabilities } = position;
    if (projection === 'multi-hot') return members.map((i) => ids[i]);
    const masses = members.map((i) => Math.exp(logProbabilities[i]));
    let left = uniform(index) * masses.reduce((sum, mass) => sum + mass, 0);
    const chosen = masses.findIndex((mass) => {
      left -= mass;
      return left < 0;
    });
    return [ids[members.at(chosen) as number]];
  });
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
export function nucleus({ logProbabilities }: MergedPosition, topP: number): number[] {
  const sorted = logProbabilities.slice().sort();
  let count = 0;
  let mass = 0;
  while (count < sorted.length && (mass < topP || count === 0)) mass += Math.exp(sorted[sorted.length - ++count]);
  const threshold = sorted[sorted.length - count];
  let ties = count;
  for (let i = 0; i < logProbabilities.length; i++) if (logProbabilities[i] > threshold) ties--;
  const members: number[] = [];
  for (let i = 0; i < logProbabilities.length; i++) {
    if (logProbabilities[i] > threshold || (logProbabilities[i] === threshold && ties-- > 0)) members.push(i);
  }
  return members;
}
