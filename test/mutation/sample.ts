import { uniform } from '../../models/ssd2/noise.ts';

/** `count` of the items, drawn without replacement by a seed, in the order drawn: the first few are a sample, too. */
export function sample<T>(items: readonly T[], count: number, seed: number): T[] {
  const draws = items.map((item, position) => {
    return { item, position, draw: uniform({ seed, lane: 0, block: 0, step: 0, position }) };
  });
  const chosen = draws.sort((a, b) => a.draw - b.draw).slice(0, count);
  return chosen.map(({ item }) => item);
}
