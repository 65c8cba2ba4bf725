import type { HeadShape } from './attention.ts';

interface CommonShape {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Key-value heads. */
  readonly groups: number;
  readonly feedForward: number;
}

/** RMSNorm, rotary positions, SwiGLU, grouped queries (arXiv 2302.13971, 2307.09288). */
export interface LlamaShape extends CommonShape {
  readonly family: 'llama';
  readonly normEpsilon: number;
  readonly rotaryBase: number;
}

/** LayerNorm before each sublayer, learned positions, ReLU, biases everywhere (arXiv 2205.01068). */
export interface OptShape extends CommonShape {
  readonly family: 'opt';
  /** Rows of the table of positions. */
  readonly positions: number;
}

/** A pretrained decoder. */
export type BaseShape = LlamaShape | OptShape;

export function headShape({ width, heads, groups }: BaseShape): HeadShape {
  return { heads, groups, headWidth: width / heads };
}
