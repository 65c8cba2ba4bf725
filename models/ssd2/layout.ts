import type { DiffusionConfig, TransformerConfig } from './config.ts';

/** Added to an attention score, it leaves a weight of exactly 0 in float32. */
export const masked = -1e9;

/**
 * Clean tokens on a grid of whole blocks: segment 0, the remainder, stands right-aligned in the first block behind
 * padding; the others fill a block each.
 *
 * @returns the number of padding positions in front
 */
export function padding(config: DiffusionConfig, length: number): number {
  return (config.block - (length % config.block)) % config.block;
}

/** Where each head looks first, as an offset from the token itself, and how fast the score falls from there; repeating. */
const cones = [
  { offset: -1, slope: 1 },
  { offset: 1, slope: 1 },
  { offset: 0, slope: 1 / 4 },
  { offset: 0, slope: 1 / 16 },
];

/** Heads that have scores of their own: all under the linear bias, else one for all. */
export function biasedHeads({ attentionBias, heads }: TransformerConfig): number {
  return attentionBias === 'linear' ? heads : 1;
}

/** Rows of a block that have scores of their own against a context: all under the linear bias, else one for all. */
export function biasedRows({ attentionBias, block }: DiffusionConfig): number {
  return attentionBias === 'linear' ? block : 1;
}

/**
 * Added to attention scores [biasedHeads, rows, columns]: `masked` where a row may not attend to a column, and else 0 or,
 * under the linear bias, -slope |column - row - offset| of each head. That is ALiBi (arXiv 2108.12409) with the cones of
 * two heads moved to the neighbours on either side.
 *
 * @param rowsFrom the position of row 0; column 0 has position 0
 */
export function attentionScores(
  config: TransformerConfig,
  [rows, rowsFrom]: readonly [number, number],
  columns: number,
  visible: (row: number, column: number) => boolean = () => true,
): Float32Array {
  const heads = biasedHeads(config);
  const scores = new Float32Array(heads * rows * columns);
  let at = 0;
  for (let head = 0; head < heads; head++) {
    const { offset, slope } = cones[head % cones.length];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, at++) {
        if (!visible(row, column)) scores[at] = masked;
        else if (config.attentionBias === 'linear') scores[at] = -slope * Math.abs(column - rowsFrom - row - offset);
      }
    }
  }
  return scores;
}

/** Scores between clean positions [biasedHeads, length, length]. Position 0 stands at `offset` on the grid. */
export function contextMask(config: DiffusionConfig, length: number, offset = 0): Float32Array {
  if (config.contextMask === 'full') throw new RangeError('the full mask has no context of its own');
  if (config.contextMask === 'causal') return causalMask(config, length);
  const segment = (i: number) => Math.floor((i + offset) / config.block);
  return attentionScores(config, [length, 0], length, (i, j) => segment(j) <= segment(i));
}

/** Scores [biasedHeads, length, length] under which a position attends to itself and to what stands before it. */
export function causalMask(config: TransformerConfig, length: number): Float32Array {
  return attentionScores(config, [length, 0], length, (i, j) => j <= i);
}

/** Scores of noised positions, blocks 1, 2, ..., against clean ones [biasedHeads, blocks * block, context]. */
export function noisedMask(config: DiffusionConfig, blocks: number, context: number): Float32Array {
  const { block } = config;
  const visible = (i: number, j: number) => Math.floor(j / block) < Math.floor(i / block) + 1;
  return attentionScores(config, [blocks * block, block], context, visible);
}
