import { z } from 'zod';

/** A tensor's elements and shape, in memory: a half-width or quantised one on disk is float32 here. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export type Tensors = ReadonlyMap<string, Tensor>;

/** A tensor as it is stored. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Float16Array | Int8Array | BFloat16Array;
}

/** bfloat16: the upper half of each float32. */
export class BFloat16Array {
  readonly words: Uint16Array;

  constructor(words: Uint16Array) {
    this.words = words;
  }

  /** Rounds to nearest, ties to even. */
  static from(values: Float32Array): BFloat16Array {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    return new BFloat16Array(Uint16Array.from(bits, (word) => (word + 0x7fff + ((word >>> 16) & 1)) >>> 16));
  }

  toFloat32(): Float32Array {
    return new Float32Array(Uint32Array.from(this.words, (word) => word << 16).buffer);
  }
}

const bytesOf = { F32: 4, F16: 2, BF16: 2, I8: 1 };
type DataType = keyof typeof bytesOf;

const entrySchema = z.object({
  dtype: z.enum(Object.keys(bytesOf) as [DataType, ...DataType[]]),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

export class SafetensorsError extends Error {
  override name = 'SafetensorsError';
}

function storage(data: StoredTensor['data']): {
  type: DataType;
  array: Exclude<StoredTensor['data'], BFloat16Array> | Uint16Array;
} {
  if (data instanceof BFloat16Array) return { type: 'BF16', array: data.words };
  if (data instanceof Float32Array) return { type: 'F32', array: data };
  return { type: data instanceof Int8Array ? 'I8' : 'F16', array: data };
}

/** The chunks of a safetensors file: an 8-byte header length, a JSON header, and the tensors in the order given. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  let offset = 0;
  const entries: [string, unknown][] = [['__metadata__', metadata]];
  const chunks: Uint8Array[] = [];
  for (const [name, { shape, data }] of tensors) {
    const { type, array } = storage(data);
    entries.push([name, { dtype: type, shape, data_offsets: [offset, offset + array.byteLength] }]);
    offset += array.byteLength;
    chunks.push(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return [length, padded, ...chunks];
}

/** @throws SafetensorsError saying what is wrong with the file's bytes */
export function decodeSafetensors(bytes: Uint8Array): { tensors: Tensors; metadata: Record<string, string> } {
  const fail = (what: string): never => {
    throw new SafetensorsError(what);
  };
  if (bytes.length < 8) fail(`${bytes.length} bytes are too few for a safetensors file`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  if (start > bytes.length) fail(`the header is said to end at byte ${start} of ${bytes.length}`);
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(bytes.subarray(8, start)).toString());
  } catch (cause) {
    throw new SafetensorsError('the header is not JSON', { cause });
  }
  if (typeof header !== 'object' || header === null) return fail('the header is no JSON object');
  let metadata: Record<string, string> = {};
  const tensors = new Map<string, Tensor>();
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      metadata = value;
      continue;
    }
    const entry = entrySchema.safeParse(value);
    if (!entry.success) return fail(`tensor ${name} has a malformed header entry`);
    const { dtype, shape, data_offsets } = entry.data;
    const [from, to] = data_offsets.map((offset) => offset + start);
    const wanted = shape.reduce((a, b) => a * b, 1) * bytesOf[dtype];
    if (to - from !== wanted) fail(`tensor ${name} has ${to - from} bytes, its shape [${shape}] needs ${wanted}`);
    if (to > bytes.length) fail(`the file is cut off inside tensor ${name}: ${bytes.length} bytes of at least ${to}`);
    // A copy, since a typed array must start at a multiple of its element's size; Buffer's own slice would not copy.
    const raw = Uint8Array.prototype.slice.call(bytes, from, to).buffer as ArrayBuffer;
    tensors.set(name, { shape, data: widened(dtype, raw) });
  }
  return { tensors, metadata };
}

function widened(type: DataType, raw: ArrayBuffer): Float32Array {
  switch (type) {
    case 'F32':
      return new Float32Array(raw);
    case 'F16':
      return Float32Array.from(new Float16Array(raw));
    case 'BF16':
      return new BFloat16Array(new Uint16Array(raw)).toFloat32();
    case 'I8':
      return Float32Array.from(new Int8Array(raw));
  }
}
