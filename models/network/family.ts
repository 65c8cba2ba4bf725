import type { Value } from '../graph/index.ts';
import type { RowShape } from './attention.ts';
import type { Parameters, Project } from './linear.ts';

/** A matrix that multiplies rows: what of a layer's checkpoint stands one below the other in it, and its sizes. */
export interface MergedMatrix {
  readonly name: string;
  readonly parts: readonly string[];
  readonly from: number;
  readonly to: number;
}

/** Vectors [..] by the tensors that they are made of, one after the other. */
export type MergedVectors = Readonly<Record<string, readonly string[]>>;

/** How a family's checkpoints are named, in Hugging Face's manner, and how its layers compute. */
export interface Family {
  readonly embedding: string;
  /** Before a layer's number. */
  readonly layers: string;
  /** Of a layer, those that an adapter corrects: `qkv`, `out`, and those of the feed-forward part. */
  readonly matrices: readonly MergedMatrix[];
  /** Of a layer, by what follows `layers.N.`. */
  readonly layerVectors: MergedVectors;
  /** Outside of the layers. */
  readonly vectors: MergedVectors;
  readonly rows: (inside: RowsInside) => FamilyRows;
}

/** Rows that are about to pass through the layers. */
export interface RowsInside {
  readonly shape: RowShape;
  /** Where they stand, int64 [lanes * blocks * rows]. */
  readonly positions: Value;
  /** How many positions there may be. */
  readonly mostPositions: number;
  readonly vectors: Parameters;
}

/** What families do differently with rows [rows, ..]. */
export interface FamilyRows {
  /** Rows as they enter the first layer. */
  readonly enter: (embedded: Value) => Value;
  readonly norm: (x: Value, name: string) => Value;
  /** Queries and keys, told where they stand, if `enter` did not. */
  readonly place: (queriesAndKeys: Value) => Value;
  /** Products with a layer's matrices, and what is added to them. */
  readonly project: (project: Project) => Project;
  /** @param layer its name */
  readonly feedForward: (project: Project, layer: string, normal: Value) => Value;
}
