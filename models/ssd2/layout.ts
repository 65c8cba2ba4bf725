import type { ModelConfig } from './config.ts';

/** Added to an attention score, it leaves a weight of exactly 0 in float32. */
export const masked = -1e9;

/**
 * Clean tokens on a grid of whole blocks: segment 0, the remainder, stands right-aligned in the first block behind
 * padding; the others fill a block each.
 *
 * @returns the number of padding positions in front
 */
export function padding(config: ModelConfig, length: number): number {
  return (config.block - (length % config.block)) % config.block;
}

/**
 * Scores between clean positions [length, length]: `masked` where row i may not attend to column j. Position 0 stands at
 * `offset` on the grid.
 */
export function contextMask(config: ModelConfig, length: number, offset = 0): Float32Array {
  if (config.contextMask === 'full') throw new RangeError('the full mask has no context of its own');
  if (config.contextMask === 'causal') return causalMask(length);
  const segment = (i: number) => Math.floor((i + offset) / config.block);
  return mask(length, (i, j) => segment(j) <= segment(i));
}

/** Scores [length, length] under which a position attends to itself and to what stands before it. */
export function causalMask(length: number): Float32Array {
  return mask(length, (i, j) => j <= i);
}

function mask(length: number, visible: (i: number, j: number) => boolean): Float32Array {
  return Float32Array.from({ length: length * length }, (_, at) =>
    visible(Math.floor(at / length), at % length) ? 0 : masked,
  );
}

/** Scores of noised positions, blocks 1, 2, ..., against clean ones [blocks * block, context]. */
export function noisedMask(config: ModelConfig, blocks: number, context: number): Float32Array {
  const { block } = config;
  return Float32Array.from({ length: blocks * block * context }, (_, at) => {
    const [i, j] = [Math.floor(at / context), at % context];
    return Math.floor(j / block) < Math.floor(i / block) + 1 ? 0 : masked;
  });
}
