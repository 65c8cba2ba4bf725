import { add, type RotaryTables, reshape, rmsNorm, rotary, split, swiglu, type Value } from '../graph/index.ts';
import {
  attend,
  type Context,
  type HeadShape,
  type KeysAndValues,
  type RowShape,
  splitKeys,
  splitQueries,
  splitValues,
} from './attention.ts';
import type { Parameters, Project } from './linear.ts';

/** A Llama-family decoder: RMSNorm, rotary positions, SwiGLU, grouped queries (arXiv 2302.13971, 2307.09288). */
export interface LlamaShape {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Key-value heads. */
  readonly groups: number;
  readonly feedForward: number;
  readonly normEpsilon: number;
  readonly rotaryBase: number;
}

export function headShape({ width, heads, groups }: LlamaShape): HeadShape {
  return { heads, groups, headWidth: width / heads };
}

/** The matrices of layer `layer`, merged where they multiply the same rows, and their sizes. */
export function layerMatrices(shape: LlamaShape): { name: string; from: number; to: number }[] {
  const { width, feedForward } = shape;
  const { groups, headWidth } = headShape(shape);
  return [
    { name: 'qkv', from: width, to: width + 2 * groups * headWidth },
    { name: 'out', from: width, to: width },
    { name: 'gateUp', from: width, to: 2 * feedForward },
    { name: 'down', from: feedForward, to: width },
  ];
}

/** Where rows stand, int64 [lanes, rows], and the angles of each position. */
export interface Rotation {
  readonly positions: Value;
  readonly tables: RotaryTables;
}

/** Rows passing through the layers. */
export interface LlamaRows {
  readonly shape: RowShape;
  /** [lanes * blocks * rows, width] */
  readonly embedded: Value;
  readonly rotation: Rotation;
  readonly ownBias: Value | undefined;
  /** What the rows of each layer attend to beside their own block. */
  readonly context: (layer: number) => Context | undefined;
}

/**
 * The layers over rows.
 *
 * @param norms the gains of the normalisations, by name
 * @returns the rows before the last normalisation, and each layer's keys and values; where `last` is false the last
 *   layer is left once its keys and values are there
 */
export function decoder(
  shape: LlamaShape,
  norms: Parameters,
  project: Project,
  { shape: rowShape, embedded, rotation, ownBias, context }: LlamaRows,
  last = true,
): { rows: Value; layers: KeysAndValues[] } {
  const heads = headShape(shape);
  const { headWidth, groups } = heads;
  const layers: KeysAndValues[] = [];
  let x = embedded;
  for (let layer = 0; layer < shape.layers; layer++) {
    const name = `layers.${layer}`;
    const normal = rmsNorm(x, norms(`${name}.attentionNorm`), shape.normEpsilon);
    const [turning, straight] = split(project(`${name}.qkv`, normal), 1, [
      (shape.heads + groups) * headWidth,
      groups * headWidth,
    ]);
    const byLane = reshape(turning, [...rotation.positions.shape, turning.shape[1]]);
    const turned = rotary(byLane, rotation.positions, rotation.tables, headWidth);
    const [queryRows, keyRows] = split(turned, 2, [shape.width, groups * headWidth]);
    const own = { keys: splitKeys(keyRows, rowShape, heads), values: splitValues(straight, rowShape, heads) };
    layers.push(own);
    if (layer === shape.layers - 1 && !last) break;
    const queries = splitQueries(queryRows, rowShape, heads);
    const mixed = attend(queries, own, ownBias, context(layer), rowShape, heads);
    x = add(x, project(`${name}.out`, mixed));
    const gateUp = project(`${name}.gateUp`, rmsNorm(x, norms(`${name}.feedNorm`), shape.normEpsilon));
    x = add(x, project(`${name}.down`, swiglu(gateUp)));
  }
  return { rows: x, layers };
}
