import type { FrozenMatrix, QuantisedMatrix } from '../graph/index.ts';
import type { ExecutionProvider } from '../runtime/providers.ts';
import type { Weights } from '../ssd2/graphs.ts';
import type { BaseShape } from './base-shape.ts';
import { familyOf } from './families.ts';
import type { MergedVectors } from './family.ts';

/** A checkpoint's tensors in float32 by their Hugging Face names, made when they are asked for. */
export type CheckpointTensors = (name: string) => Float32Array;

/**
 * How a base's matrices are multiplied: eight bits are the fastest on a CPU, and its usual form; a GPU has no such
 * product of a scale a row, and float32 is also what the other is measured against.
 */
export type Products = 'int8' | 'float32';

export function productsOn(provider: ExecutionProvider = 'cpu'): Products {
  return provider === 'cpu' ? 'int8' : 'float32';
}

/** A pretrained base as the graphs take it. */
export interface FrozenBase {
  readonly shape: BaseShape;
  /** [vocabulary, width] */
  readonly embedding: Float32Array;
  /** By the names that its family gives them. */
  readonly vector: (name: string) => Float32Array;
  /** `layers.N.` and the names of the family's matrices, and `head` */
  readonly matrix: (name: string) => FrozenMatrix;
  /** What was trained on its products, and is on in every row, see tunedSpecs. */
  readonly correction?: Weights;
}

/** Reads every tensor once. @param tied whether the head is the embedding's table */
export function frozenBase(
  shape: BaseShape,
  tensors: CheckpointTensors,
  tied: boolean,
  products: Products = 'int8',
): FrozenBase {
  const family = familyOf(shape);
  const frozen = products === 'int8' ? quantiseRows : transposeRows;
  const matrices = new Map<string, FrozenMatrix>();
  const vectors = new Map<string, Float32Array>();
  const read = (before: string, at: string, merged: MergedVectors) => {
    for (const [name, parts] of Object.entries(merged)) {
      vectors.set(before + name, joined(parts.map((part) => tensors(at + part))));
    }
  };
  read('', '', family.vectors);
  for (let layer = 0; layer < shape.layers; layer++) {
    const at = `${family.layers}${layer}.`;
    for (const { name, parts, from, to } of family.matrices) {
      const rows = parts.map((part) => tensors(`${at}${part}.weight`));
      matrices.set(`layers.${layer}.${name}`, frozen(rows, from, to));
    }
    read(`layers.${layer}.`, at, family.layerVectors);
  }
  const embedding = tensors(family.embedding);
  const head = tied ? embedding : tensors('lm_head.weight');
  matrices.set('head', frozen([head], shape.width, shape.vocabulary));
  return { shape, embedding, vector: lookUp(vectors), matrix: lookUp(matrices) };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0];
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

function lookUp<T>(map: ReadonlyMap<string, T>): (name: string) => T {
  return (name) => {
    const found = map.get(name);
    if (!found) throw new Error(`the base has no ${name}`);
    return found;
  };
}

/**
 * Matrices stored by output, [to, from] one below the other, as one matrix in eight bits with a scale an output, the
 * largest magnitude being 127.
 */
export function quantiseRows(
  parts: readonly Float32Array[],
  from: number,
  to: number,
): FrozenMatrix & { readonly quantised: QuantisedMatrix } {
  const values = new Int8Array(from * to);
  const scale = new Float32Array(to);
  let row = 0;
  for (const data of parts) {
    for (let start = 0; start < data.length; start += from, row++) {
      let largest = 0;
      for (let i = 0; i < from; i++) largest = Math.max(largest, Math.abs(data[start + i]));
      scale[row] = largest / 127;
      const inverse = largest === 0 ? 0 : 127 / largest;
      for (let i = 0; i < from; i++) values[i * to + row] = Math.round(data[start + i] * inverse);
    }
  }
  if (row !== to) throw new RangeError(`a matrix of ${to} outputs was given ${row}`);
  const dense = once(() => Float32Array.from(values, (value, i) => value * scale[i % to]));
  return { from, to, dense, quantised: { from, to, values, scale } };
}

/** The same in float32. */
function transposeRows(parts: readonly Float32Array[], from: number, to: number): FrozenMatrix {
  const dense = once(() => {
    const matrix = new Float32Array(from * to);
    let row = 0;
    for (const data of parts) {
      for (let start = 0; start < data.length; start += from, row++) {
        for (let i = 0; i < from; i++) matrix[i * to + row] = data[start + i];
      }
    }
    return matrix;
  });
  return { from, to, dense };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
