import {
  add,
  concat,
  type Dimension,
  matmul,
  mul,
  reshape,
  sizeOf,
  slice,
  softmax,
  transpose,
  type Value,
} from '../graph/index.ts';

/** How a layer's attention is cut into heads: `heads` queries share `groups` keys and values (grouped queries, arXiv 2305.13245). */
export interface HeadShape {
  readonly heads: number;
  readonly groups: number;
  readonly headWidth: number;
}

/** Rows of a stream: `lanes` sequences of `blocks` blocks of `rows` rows, [lanes * blocks * rows, width] as a tensor. */
export interface RowShape {
  readonly lanes: Dimension;
  readonly blocks: number;
  readonly rows: Dimension;
}

/** What rows contribute to others' attention: keys [lanes, groups, blocks, head width, rows], values [.., rows, head width]. */
export interface KeysAndValues {
  readonly keys: Value;
  readonly values: Value;
}

/** Kept keys [lanes, groups, 1, head width, context] and values [lanes, groups, 1, context, head width]. */
export interface Context extends KeysAndValues {
  /** Added to the scores, broadcast to [lanes, groups, blocks, heads a group * rows, context]. */
  readonly bias: Value;
}

/** [.., heads * head width] -> [lanes, groups, blocks, heads a group * rows, head width] */
export function splitQueries(
  x: Value,
  { lanes, blocks, rows }: RowShape,
  { heads, groups, headWidth }: HeadShape,
): Value {
  const perGroup = heads / groups;
  const split = transpose(reshape(x, [lanes, blocks, rows, groups, perGroup, headWidth]), [0, 3, 1, 4, 2, 5]);
  return reshape(mul(split, 1 / Math.sqrt(headWidth)), [lanes, groups, blocks, times(perGroup, rows), headWidth]);
}

export function splitKeys(x: Value, { lanes, blocks, rows }: RowShape, { groups, headWidth }: HeadShape): Value {
  return transpose(reshape(x, [lanes, blocks, rows, groups, headWidth]), [0, 3, 1, 4, 2]);
}

export function splitValues(x: Value, { lanes, blocks, rows }: RowShape, { groups, headWidth }: HeadShape): Value {
  return transpose(reshape(x, [lanes, blocks, rows, groups, headWidth]), [0, 3, 1, 2, 4]);
}

/**
 * What each row reads from the rows of its block and from a kept context -> [lanes * blocks * rows, heads * head width].
 *
 * The block's own columns stand first, so that a longer context behind them moves no number of a shorter one.
 *
 * @param queries as splitQueries gives them
 * @param ownBias added to the scores within a block, broadcast to [lanes, groups, blocks, heads a group * rows, rows]
 */
export function attend(
  queries: Value,
  own: KeysAndValues,
  ownBias: Value | undefined,
  context: Context | undefined,
  rowShape: RowShape,
  { heads, groups, headWidth }: HeadShape,
): Value {
  const { lanes, blocks, rows } = rowShape;
  const perGroup = heads / groups;
  const similarity = matmul(queries, own.keys);
  const toOwn = ownBias ? add(similarity, ownBias) : similarity;
  const mixed = context
    ? attendBoth(queries, toOwn, own.values, context, rowShape)
    : matmul(softmax(toOwn), own.values);
  const whole = transpose(reshape(mixed, [lanes, groups, blocks, perGroup, rows, headWidth]), [0, 2, 4, 1, 3, 5]);
  return reshape(whole, [times(lanes, blocks, rows), heads * headWidth]);
}

function attendBoth(queries: Value, toOwn: Value, ownValues: Value, context: Context, rowShape: RowShape): Value {
  const { blocks, rows } = rowShape;
  const border = typeof rows === 'number' ? rows : (queries.graph.symbolSize(rows) as Value);
  const columns = context.keys.shape[4];
  const toContext = add(overBlocks(queries, context.keys, blocks), context.bias);
  const weights = softmax(concat([toOwn, toContext], 4));
  const fromOwn = matmul(slice(weights, 4, 0, border, rows), ownValues);
  return add(fromOwn, overBlocks(slice(weights, 4, border, undefined, columns), context.values, blocks));
}

/** x [lanes, groups, blocks, m, k] times y [lanes, groups, 1, k, n], the same for all blocks. */
function overBlocks(x: Value, y: Value, blocks: number): Value {
  const [lanes, groups, , m, k] = x.shape;
  if (blocks === 1) return matmul(x, y);
  const product = matmul(reshape(x, [lanes, groups, 1, times(blocks, m), k]), y);
  return reshape(product, [lanes, groups, blocks, m, y.shape[4]]);
}

function times(...factors: Dimension[]): Dimension {
  return sizeOf(factors);
}
