import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeHeader } from '../../models/checkpoint/safetensors.ts';
import { trainTokenizer } from '../../models/tokenizer/train-tokenizer.ts';
import { sentences } from './tiny-fleet.ts';

/** Other projects' checkpoints, small, as those projects write them. */

export interface Matrix {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** A generator of the same numbers every time (Lehmer's, modulus 2³¹ − 1). */
export function numbers(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

export const tinyLlama = {
  model_type: 'llama',
  vocab_size: 300,
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 96,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  rope_theta: 50_000,
  tie_word_embeddings: false,
  bos_token_id: 0,
  eos_token_id: 0,
  hidden_act: 'silu',
};

export const tinyOpt = {
  model_type: 'opt',
  vocab_size: 300,
  hidden_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  ffn_dim: 24,
  max_position_embeddings: 20,
  do_layer_norm_before: true,
  tie_word_embeddings: true,
  bos_token_id: 0,
  eos_token_id: 0,
  activation_function: 'relu',
};

/** By Hugging Face's names, of multiples of 1/8, which every format with few bits can hold. */
export function llamaTensors(config = tinyLlama): Map<string, Matrix> {
  const draw = numbers();
  const { hidden_size: width, intermediate_size: inner, vocab_size: rows } = config;
  const keys = (width / config.num_attention_heads) * config.num_key_value_heads;
  const shapes: [string, number[]][] = [['model.embed_tokens.weight', [rows, width]]];
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const at = `model.layers.${layer}.`;
    shapes.push(
      [`${at}input_layernorm.weight`, [width]],
      [`${at}self_attn.q_proj.weight`, [width, width]],
      [`${at}self_attn.k_proj.weight`, [keys, width]],
      [`${at}self_attn.v_proj.weight`, [keys, width]],
      [`${at}self_attn.o_proj.weight`, [width, width]],
      [`${at}post_attention_layernorm.weight`, [width]],
      [`${at}mlp.gate_proj.weight`, [inner, width]],
      [`${at}mlp.up_proj.weight`, [inner, width]],
      [`${at}mlp.down_proj.weight`, [width, inner]],
    );
  }
  shapes.push(['model.norm.weight', [width]], ['lm_head.weight', [rows, width]]);
  return new Map(shapes.map(([name, shape]) => [name, eighths(shape, draw)]));
}

export function optTensors(config = tinyOpt): Map<string, Matrix> {
  const draw = numbers(2);
  const { hidden_size: width, ffn_dim: inner } = config;
  const affine = (name: string, to: number, from?: number): [string, number[]][] => [
    [`${name}.weight`, from === undefined ? [to] : [to, from]],
    [`${name}.bias`, [to]],
  ];
  const layer = 'model.decoder.layers.0.';
  const shapes: [string, number[]][] = [
    ['model.decoder.embed_tokens.weight', [config.vocab_size, width]],
    ['model.decoder.embed_positions.weight', [config.max_position_embeddings + 2, width]],
    ...['q_proj', 'k_proj', 'v_proj', 'out_proj'].flatMap((p) => affine(`${layer}self_attn.${p}`, width, width)),
    ...affine(`${layer}self_attn_layer_norm`, width),
    ...affine(`${layer}fc1`, inner, width),
    ...affine(`${layer}fc2`, width, inner),
    ...affine(`${layer}final_layer_norm`, width),
    ...affine('model.decoder.final_layer_norm', width),
  ];
  return new Map(shapes.map(([name, shape]) => [name, eighths(shape, draw)]));
}

function eighths(shape: readonly number[], draw: () => number): Matrix {
  const count = shape.reduce((a, b) => a * b, 1);
  // 0 to 15 eighths from −1: what 4 bits of Q4_1 hold with d = 1/8 and m = −1.
  return { shape, values: Array.from({ length: count }, () => Math.floor(draw() * 16) / 8 - 1) };
}

/** The parts of a tokenizer.json that tests change. */
export interface TinyTokenizer {
  added_tokens: object[];
  model: { vocab: Record<string, number>; merges: [string, string][] };
}

/** A byte-level BPE's tokenizer.json, its end-of-text a special token. */
export async function byteLevelTokenizer(size = 300): Promise<TinyTokenizer> {
  const tokenizer = JSON.parse(await trainTokenizer(sentences, size));
  const matching = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  tokenizer.added_tokens = [{ id: 0, content: '<|endoftext|>', ...matching, special: true }];
  return tokenizer;
}

type Floats = 'F32' | 'F16' | 'BF16';

function encodeFloats(values: readonly number[], type: Floats): Uint8Array {
  const single = Float32Array.from(values);
  if (type === 'F32') return new Uint8Array(single.buffer);
  if (type === 'F16') return new Uint8Array(Float16Array.from(values).buffer);
  return new Uint8Array(Uint16Array.from(new Uint32Array(single.buffer), (bits) => bits >>> 16).buffer);
}

/** One safetensors file. */
export function safetensors(tensors: ReadonlyMap<string, Matrix>, type: Floats): Buffer {
  const header = encodeHeader([...tensors].map(([name, { shape }]) => [name, { type, shape }]));
  return Buffer.concat([header, ...[...tensors.values()].map(({ values }) => encodeFloats(values, type))]);
}

export interface HuggingFaceFolder {
  readonly config: object;
  readonly tokenizer: object;
  readonly tokenizerConfig?: object;
  readonly tensors: ReadonlyMap<string, Matrix>;
  readonly type?: Floats;
  /** How many files the tensors are spread over. */
  readonly parts?: number;
}

export async function writeHuggingFace(folder: string, model: HuggingFaceFolder): Promise<void> {
  const { config, tokenizer, tokenizerConfig = {}, tensors, type = 'F32', parts = 1 } = model;
  await mkdir(folder, { recursive: true });
  const write = (file: string, content: string | Uint8Array) => writeFile(join(folder, file), content);
  await write('config.json', JSON.stringify(config));
  await write('tokenizer.json', JSON.stringify(tokenizer));
  await write('tokenizer_config.json', JSON.stringify(tokenizerConfig));
  if (parts === 1) return write('model.safetensors', safetensors(tensors, type));
  const weight_map: Record<string, string> = {};
  for (let part = 0; part < parts; part++) {
    const file = `model-0000${part + 1}-of-0000${parts}.safetensors`;
    const own = new Map([...tensors].filter((_, i) => i % parts === part));
    for (const name of own.keys()) weight_map[name] = file;
    await write(file, safetensors(own, type));
  }
  await write('model.safetensors.index.json', JSON.stringify({ metadata: { total_size: 0 }, weight_map }));
}

export type GgmlType = Floats | 'Q4_0' | 'Q4_1' | 'Q8_0';
const ggmlTypes: Record<GgmlType, number> = { F32: 0, F16: 1, Q4_0: 2, Q4_1: 3, Q8_0: 8, BF16: 30 };

/** Multiples of 1/8 as ggml's blocks: byte j of a block's nibbles has elements j and j + 16. */
function encodeGgml(values: readonly number[], type: GgmlType): Uint8Array {
  if (type === 'F32' || type === 'F16' || type === 'BF16') return encodeFloats(values, type);
  const out: number[] = [];
  const half = (value: number) => out.push(...new Uint8Array(Float16Array.of(value).buffer));
  for (let block = 0; block < values.length; block += 32) {
    const eighth = values.slice(block, block + 32).map((value) => value * 8);
    half(1 / 8);
    if (type === 'Q8_0') out.push(...eighth.map((q) => q & 255));
    if (type === 'Q4_1') half(-1);
    // Both hold −8 to 7 as 0 to 15.
    if (type !== 'Q8_0') for (let j = 0; j < 16; j++) out.push((eighth[j] + 8) | ((eighth[j + 16] + 8) << 4));
  }
  return Uint8Array.from(out);
}

const ggufNames: [RegExp, string][] = [
  [/^model\.embed_tokens/, 'token_embd'],
  [/^model\.norm/, 'output_norm'],
  [/^lm_head/, 'output'],
  [/^model\.layers\.(\d+)\.input_layernorm/, 'blk.$1.attn_norm'],
  [/^model\.layers\.(\d+)\.post_attention_layernorm/, 'blk.$1.ffn_norm'],
  [/^model\.layers\.(\d+)\.self_attn\.([qkv])_proj/, 'blk.$1.attn_$2'],
  [/^model\.layers\.(\d+)\.self_attn\.o_proj/, 'blk.$1.attn_output'],
  [/^model\.layers\.(\d+)\.mlp\.(gate|up|down)_proj/, 'blk.$1.ffn_$2'],
];

/** Rows as llama.cpp's converter leaves those of queries and keys: of each head, the two halves in turn. */
function interleaved({ shape, values }: Matrix, heads: number): Matrix {
  const [rows, columns] = shape;
  const half = rows / heads / 2;
  const order = Array.from({ length: heads }, (_, head) =>
    Array.from({ length: half }, (_, i) => [head * 2 * half + i, head * 2 * half + half + i]),
  ).flat(2);
  return { shape, values: order.flatMap((row) => values.slice(row * columns, (row + 1) * columns)) };
}

/** A value of GGUF's metadata: its type's number and its bytes. */
type Field = readonly [type: number, bytes: Uint8Array];

function uint32(value: number): Field {
  return [4, new Uint8Array(Uint32Array.of(value).buffer)];
}

function float32(value: number): Field {
  return [6, new Uint8Array(Float32Array.of(value).buffer)];
}

function lengthAnd(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([new Uint8Array(BigUint64Array.of(BigInt(bytes.length)).buffer), bytes]);
}

function text(value: string): Field {
  return [8, lengthAnd(Buffer.from(value))];
}

function array(fields: readonly Field[]): Field {
  const head = Buffer.concat([
    uint32(fields[0][0])[1],
    new Uint8Array(BigUint64Array.of(BigInt(fields.length)).buffer),
  ]);
  return [9, Buffer.concat([head, ...fields.map(([, bytes]) => bytes)])];
}

export interface GgufModel {
  readonly tensors: ReadonlyMap<string, Matrix>;
  readonly tokenizer: Pick<TinyTokenizer, 'model'>;
  /** How matrices are stored; other tensors are F32. */
  readonly type?: GgmlType;
  /** Instead of the usual fields, or besides; without a value a field is left out. */
  readonly fields?: Readonly<Record<string, Field | undefined>>;
  /** Instead of the type's own number. */
  readonly typeNumber?: number;
}

export const ggufField = { uint32, float32, text, array };

/** A GGUF file of version 3. */
export function gguf({ tensors, tokenizer, type = 'F32', fields = {}, typeNumber }: GgufModel): Buffer {
  const { vocab, merges } = tokenizer.model;
  const pieces = Object.keys(vocab).sort((a, b) => vocab[a] - vocab[b]);
  const c = tinyLlama;
  const metadata: Record<string, Field | undefined> = {
    'general.architecture': text('llama'),
    'general.name': text('Tiny'),
    'llama.block_count': uint32(c.num_hidden_layers),
    'llama.context_length': uint32(c.max_position_embeddings),
    'llama.embedding_length': uint32(c.hidden_size),
    'llama.feed_forward_length': uint32(c.intermediate_size),
    'llama.attention.head_count': uint32(c.num_attention_heads),
    'llama.attention.head_count_kv': uint32(c.num_key_value_heads),
    'llama.attention.layer_norm_rms_epsilon': float32(c.rms_norm_eps),
    'llama.rope.freq_base': float32(c.rope_theta),
    'tokenizer.ggml.model': text('gpt2'),
    'tokenizer.ggml.pre': text('smollm'),
    'tokenizer.ggml.tokens': array(pieces.map(text)),
    'tokenizer.ggml.token_type': array(pieces.map((piece) => uint32(piece === '<|endoftext|>' ? 3 : 1))),
    'tokenizer.ggml.merges': array(merges.map((merge) => text(merge.join(' ')))),
    'tokenizer.ggml.bos_token_id': uint32(0),
    'tokenizer.ggml.eos_token_id': uint32(0),
    'tokenizer.chat_template': text('{% for m in messages %}{{ m.content }}<|endoftext|>{% endfor %}'),
    ...fields,
  };
  const present = Object.entries(metadata).filter(([, field]) => field !== undefined) as [string, Field][];
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    uint32(3)[1],
    new Uint8Array(BigUint64Array.of(BigInt(tensors.size), BigInt(present.length)).buffer),
    ...present.flatMap(([key, [kind, bytes]]) => [text(key)[1], uint32(kind)[1], bytes]),
  ]);
  const list: Uint8Array[] = [];
  const data: Uint8Array[] = [];
  let offset = 0;
  for (const [name, matrix] of tensors) {
    const heads = name.includes('q_proj') ? c.num_attention_heads : name.includes('k_proj') ? c.num_key_value_heads : 0;
    const { shape, values } = heads === 0 ? matrix : interleaved(matrix, heads);
    const stored = shape.length === 2 ? type : 'F32';
    const bytes = encodeGgml(values, stored);
    list.push(
      text(ggufNames.reduce((renamed, [pattern, to]) => renamed.replace(pattern, to), name))[1],
      uint32(shape.length)[1],
      new Uint8Array(BigUint64Array.from(shape.toReversed(), BigInt).buffer),
      uint32(typeNumber !== undefined && shape.length === 2 ? typeNumber : ggmlTypes[stored])[1],
      new Uint8Array(BigUint64Array.of(BigInt(offset)).buffer),
    );
    const padding = (32 - (bytes.length % 32)) % 32;
    data.push(bytes, new Uint8Array(padding));
    offset += bytes.length + padding;
  }
  const header = Buffer.concat([head, ...list]);
  return Buffer.concat([header, Buffer.alloc((32 - (header.length % 32)) % 32), ...data]);
}
