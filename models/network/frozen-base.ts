import type { FrozenMatrix, QuantisedMatrix, RotaryTables } from '../graph/index.ts';
import type { ExecutionProvider } from '../runtime/providers.ts';
import { headShape, type LlamaShape, layerMatrices } from './llama.ts';

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

/** A Llama-family base as the graphs take it. */
export interface LlamaBase {
  readonly shape: LlamaShape;
  /** [vocabulary, width] */
  readonly embedding: Float32Array;
  /** Gains [width] of `layers.N.attentionNorm`, `layers.N.feedNorm` and `norm`. */
  readonly gains: (name: string) => Float32Array;
  /** `layers.N.qkv`, `.out`, `.gateUp`, `.down`, and `head` */
  readonly matrix: (name: string) => FrozenMatrix;
}

/** What each merged matrix is made of, in this order. */
const parts: Readonly<Record<string, readonly string[]>> = {
  qkv: ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'],
  out: ['self_attn.o_proj'],
  gateUp: ['mlp.gate_proj', 'mlp.up_proj'],
  down: ['mlp.down_proj'],
};
const gains: Readonly<Record<string, string>> = {
  attentionNorm: 'input_layernorm',
  feedNorm: 'post_attention_layernorm',
};

/** Reads every tensor once. @param tied whether the head is the embedding's table */
export function llamaBase(
  shape: LlamaShape,
  tensors: CheckpointTensors,
  tied: boolean,
  products: Products = 'int8',
): LlamaBase {
  const frozen = products === 'int8' ? quantiseRows : transposeRows;
  const matrices = new Map<string, FrozenMatrix>();
  const vectors = new Map([['norm', tensors('model.norm.weight')]]);
  for (let layer = 0; layer < shape.layers; layer++) {
    for (const { name, from, to } of layerMatrices(shape)) {
      const rows = parts[name].map((part) => tensors(`model.layers.${layer}.${part}.weight`));
      matrices.set(`layers.${layer}.${name}`, frozen(rows, from, to));
    }
    for (const [name, part] of Object.entries(gains)) {
      vectors.set(`layers.${layer}.${name}`, tensors(`model.layers.${layer}.${part}.weight`));
    }
  }
  const embedding = tensors('model.embed_tokens.weight');
  const head = tied ? embedding : tensors('lm_head.weight');
  matrices.set('head', frozen([head], shape.width, shape.vocabulary));
  return { shape, embedding, gains: lookUp(vectors), matrix: lookUp(matrices) };
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

/** Angles of rotary positions: cosines and sines [positions, head width / 2]. */
export function rotaryTables(shape: LlamaShape, positions: number): RotaryTables {
  const half = headShape(shape).headWidth / 2;
  const cosines = new Float32Array(positions * half);
  const sines = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = position * shape.rotaryBase ** (-i / half);
      cosines[position * half + i] = Math.cos(angle);
      sines[position * half + i] = Math.sin(angle);
    }
  }
  return { cosines, sines };
}
