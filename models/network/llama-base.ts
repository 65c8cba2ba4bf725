import type { FrozenMatrix, RotaryTables } from '../graph/index.ts';
import { headShape, type LlamaShape, layerMatrices } from './llama.ts';

/** A checkpoint's tensors in float32 by their Hugging Face names, made when they are asked for. */
export type CheckpointTensors = (name: string) => Float32Array;

/** A Llama-family base as the graphs take it: what is multiplied in eight bits, the rest in float32. */
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
export function llamaBase(shape: LlamaShape, tensors: CheckpointTensors, tied: boolean): LlamaBase {
  const matrices = new Map<string, FrozenMatrix>();
  const vectors = new Map([['norm', tensors('model.norm.weight')]]);
  for (let layer = 0; layer < shape.layers; layer++) {
    for (const { name, from, to } of layerMatrices(shape)) {
      const rows = parts[name].map((part) => tensors(`model.layers.${layer}.${part}.weight`));
      matrices.set(`layers.${layer}.${name}`, quantiseRows(rows, from, to));
    }
    for (const [name, part] of Object.entries(gains)) {
      vectors.set(`layers.${layer}.${name}`, tensors(`model.layers.${layer}.${part}.weight`));
    }
  }
  const embedding = tensors('model.embed_tokens.weight');
  const head = tied ? embedding : tensors('lm_head.weight');
  matrices.set('head', quantiseRows([head], shape.width, shape.vocabulary));
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
export function quantiseRows(parts: readonly Float32Array[], from: number, to: number): FrozenMatrix {
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
  return { from, to, values, scale, dense: once(() => Float32Array.from(values, (value, i) => value * scale[i % to])) };
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
