import { add, split, type Value } from '../graph/index.ts';
import {
  attend,
  type Context,
  type KeysAndValues,
  type RowShape,
  splitKeys,
  splitQueries,
  splitValues,
} from './attention.ts';
import { type BaseShape, headShape } from './base-shape.ts';
import type { FamilyRows } from './family.ts';
import type { Project } from './linear.ts';

/** Rows passing through the layers. */
export interface DecoderRows {
  readonly shape: RowShape;
  /** [lanes * blocks * rows, width] */
  readonly embedded: Value;
  readonly family: FamilyRows;
  readonly ownBias: Value | undefined;
  /** What the rows of each layer attend to beside their own block. */
  readonly context: (layer: number) => Context | undefined;
}

/**
 * The layers over rows.
 *
 * @param products with the layers' matrices
 * @returns the rows before the last normalisation, and each layer's keys and values; where `last` is false the last
 *   layer is left once its keys and values are there
 */
export function decoder(
  shape: BaseShape,
  products: Project,
  { shape: rowShape, embedded, family, ownBias, context }: DecoderRows,
  last = true,
): { rows: Value; layers: KeysAndValues[] } {
  const heads = headShape(shape);
  const { headWidth, groups } = heads;
  const project = family.project(products);
  const layers: KeysAndValues[] = [];
  let x = family.enter(embedded);
  for (let layer = 0; layer < shape.layers; layer++) {
    const name = `layers.${layer}`;
    const normal = family.norm(x, `${name}.attentionNorm`);
    const [turning, straight] = split(project(`${name}.qkv`, normal), 1, [
      (shape.heads + groups) * headWidth,
      groups * headWidth,
    ]);
    const placed = family.place(turning);
    const [queryRows, keyRows] = split(placed, placed.shape.length - 1, [shape.width, groups * headWidth]);
    const own = { keys: splitKeys(keyRows, rowShape, heads), values: splitValues(straight, rowShape, heads) };
    layers.push(own);
    if (layer === shape.layers - 1 && !last) break;
    const queries = splitQueries(queryRows, rowShape, heads);
    const mixed = attend(queries, own, ownBias, context(layer), rowShape, heads);
    x = add(x, project(`${name}.out`, mixed));
    x = add(x, family.feedForward(project, name, family.norm(x, `${name}.feedNorm`)));
  }
  return { rows: x, layers };
}
