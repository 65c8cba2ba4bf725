import type { SequenceSource } from '../../data/sequences.ts';
import { type Batch, normalised } from './objective.ts';

export interface NextTokenShape {
  readonly sequences: number;
  /** Tokens of a sequence on the grid. */
  readonly length: number;
}

/** Batch n of next tokens: tokens, positions, targets and weights, each [sequences * (length - 1)]. */
export function nextTokenBatch(source: SequenceSource, { sequences, length }: NextTokenShape, n: number): Batch {
  const rows = sequences * (length - 1);
  const tokens = new BigInt64Array(rows);
  const positions = new BigInt64Array(rows);
  const targets = new BigInt64Array(rows);
  const weights = new Float32Array(rows);
  for (let sequence = 0; sequence < sequences; sequence++) {
    const { tokens: grid, pad, first, end } = source.sequence(n * sequences + sequence);
    // Left-aligned: under the causal mask what comes after a sequence's end cannot disturb it.
    for (let i = 0; i + 1 < length; i++) {
      const row = sequence * (length - 1) + i;
      const at = pad + i;
      positions[row] = BigInt(i);
      if (at + 1 >= grid.length) continue;
      tokens[row] = BigInt(grid[at]);
      targets[row] = BigInt(grid[at + 1]);
      weights[row] = at + 1 >= first && at + 1 < end ? 1 : 0;
    }
  }
  normalised(weights);
  return { variant: 'plain', feeds: { tokens, positions, targets, weights }, weights };
}
