import { byteLetters } from '../../models/tokenizer/byte-letters.ts';

/** The bytes of a small GGUF file: a llama of one layer, its metadata of every kind of value. */
export function ggufSample(): Buffer {
  const parts: Buffer[] = [];
  const number = (value: number, size: 4 | 8) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return bytes.subarray(0, size);
  };
  const text = (value: string) => Buffer.concat([number(Buffer.byteLength(value), 8), Buffer.from(value)]);
  const float = (value: number) => Buffer.from(new Float32Array([value]).buffer);
  const types = { uint32: 4, float32: 6, bool: 7, string: 8, array: 9 };
  const pieces = ['<|endoftext|>', ...byteLetters, 'ab'];
  const metadata: [string, number, Buffer][] = [
    ['general.architecture', types.string, text('llama')],
    ['general.name', types.string, text('tiny')],
    ['llama.block_count', types.uint32, number(1, 4)],
    ['llama.context_length', types.uint32, number(64, 4)],
    ['llama.embedding_length', types.uint32, number(32, 4)],
    ['llama.feed_forward_length', types.uint32, number(64, 4)],
    ['llama.attention.head_count', types.uint32, number(4, 4)],
    ['llama.attention.head_count_kv', types.uint32, number(2, 4)],
    ['llama.rope.freq_base', types.float32, float(10_000)],
    ['llama.attention.layer_norm_rms_epsilon', types.float32, float(1e-5)],
    ['tokenizer.ggml.add_bos_token', types.bool, Buffer.of(0)],
    ['tokenizer.ggml.model', types.string, text('gpt2')],
    ['tokenizer.ggml.pre', types.string, text('smollm')],
    ['tokenizer.ggml.eos_token_id', types.uint32, number(0, 4)],
    [
      'tokenizer.ggml.tokens',
      types.array,
      Buffer.concat([number(types.string, 4), number(pieces.length, 8), ...pieces.map(text)]),
    ],
    ['tokenizer.ggml.merges', types.array, Buffer.concat([number(types.string, 4), number(1, 8), text('a b')])],
  ];
  const layer = (name: string, ...shape: number[]) => [`blk.0.${name}.weight`, shape] as const;
  const tensors = [
    ['token_embd.weight', [32, pieces.length]] as const,
    ['output_norm.weight', [32]] as const,
    ...[layer('attn_norm', 32), layer('ffn_norm', 32), layer('attn_q', 32, 32), layer('attn_k', 32, 16)],
    ...[layer('attn_v', 32, 16), layer('attn_output', 32, 32), layer('ffn_gate', 32, 64), layer('ffn_up', 32, 64)],
    layer('ffn_down', 64, 32),
  ];
  parts.push(Buffer.from('GGUF'), number(3, 4), number(tensors.length, 8), number(metadata.length, 8));
  for (const [key, type, value] of metadata) parts.push(text(key), number(type, 4), value);
  let offset = 0;
  for (const [name, shape] of tensors) {
    parts.push(text(name), number(shape.length, 4), ...shape.map((size) => number(size, 8)));
    parts.push(number(0, 4), number(offset, 8));
    offset += 4 * shape.reduce((a, b) => a * b, 1);
  }
  const header = Buffer.concat(parts);
  return Buffer.concat([header, Buffer.alloc((32 - (header.length % 32)) % 32), Buffer.alloc(offset)]);
}
