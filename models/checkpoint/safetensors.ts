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

/** A tensor's place among a file's bytes. */
export interface Entry {
  readonly type: DataType;
  readonly shape: readonly number[];
  /** Of its first byte, from the file's start. */
  readonly from: number;
  readonly to: number;
}

/** What a file says of itself before its tensors. */
export interface Header {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly metadata: Readonly<Record<string, string>>;
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

/** An element's bytes. U8 holds what another format describes. */
const bytesOf = { F32: 4, F16: 2, BF16: 2, I8: 1, U8: 1 };
export type DataType = keyof typeof bytesOf;
const dataTypes = Object.keys(bytesOf);

const entrySchema = z.object({
  dtype: z.string(),
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

/** The bytes before the tensors: an 8-byte length, and a JSON header of the tensors in the order given. */
export function encodeHeader(
  tensors: Iterable<readonly [name: string, { readonly type: DataType; readonly shape: readonly number[] }]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  let offset = 0;
  const entries: [string, unknown][] = [['__metadata__', metadata]];
  for (const [name, { type, shape }] of tensors) {
    const end = offset + byteLength(type, shape);
    entries.push([name, { dtype: type, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded]);
}

export function byteLength(type: DataType, shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, bytesOf[type]);
}

/** The chunks of a safetensors file. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const stored = [...tensors].map(([name, { shape, data }]) => ({ name, shape, ...storage(data) }));
  return [
    encodeHeader(
      stored.map((tensor) => [tensor.name, tensor]),
      metadata,
    ),
    ...stored.map(({ array }) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)),
  ];
}

/**
 * Reads the header of a file of `fileBytes` from its first bytes.
 *
 * @throws SafetensorsError saying what is wrong with them
 */
export function decodeHeader(start: Uint8Array, fileBytes: number): Header {
  const fail = (what: string): never => {
    throw new SafetensorsError(what);
  };
  const dataStart = headerBytes(start, fileBytes);
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(start.subarray(8, dataStart)).toString());
  } catch (cause) {
    throw new SafetensorsError('the header is not JSON', { cause });
  }
  if (typeof header !== 'object' || header === null) return fail('the header is no JSON object');
  let metadata: Record<string, string> = {};
  const entries = new Map<string, Entry>();
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      metadata = value;
      continue;
    }
    const entry = entrySchema.safeParse(value);
    if (!entry.success) return fail(`tensor ${name} has a malformed header entry`);
    const { dtype, shape, data_offsets } = entry.data;
    if (!isDataType(dtype))
      return fail(`tensor ${name} has type ${dtype}; read are ${Object.keys(bytesOf).join(', ')}`);
    const [from, to] = data_offsets.map((offset) => offset + dataStart);
    const wanted = byteLength(dtype, shape);
    if (to - from !== wanted) fail(`tensor ${name} has ${to - from} bytes, its shape [${shape}] needs ${wanted}`);
    if (to > fileBytes) fail(`the file is cut off inside tensor ${name}: ${fileBytes} bytes of at least ${to}`);
    entries.set(name, { type: dtype, shape, from, to });
  }
  return { entries, metadata };
}

/**
 * How many bytes of a file of `fileBytes` its header takes, by the first eight.
 *
 * @throws SafetensorsError
 */
export function headerBytes(start: Uint8Array, fileBytes: number): number {
  if (fileBytes < 8) throw new SafetensorsError(`${fileBytes} bytes are too few for a safetensors file`);
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const end = 8 + Number(view.getBigUint64(0, true));
  if (end > fileBytes) throw new SafetensorsError(`the header is said to end at byte ${end} of ${fileBytes}`);
  return end;
}

function isDataType(type: string): type is DataType {
  return dataTypes.includes(type);
}

/** @throws SafetensorsError saying what is wrong with the file's bytes */
export function decodeSafetensors(bytes: Uint8Array): {
  tensors: Tensors;
  metadata: Readonly<Record<string, string>>;
} {
  const { entries, metadata } = decodeHeader(bytes, bytes.length);
  const tensors = new Map<string, Tensor>();
  for (const [name, { type, shape, from, to }] of entries) {
    tensors.set(name, { shape, data: widened(type, bytes.subarray(from, to)) });
  }
  return { tensors, metadata };
}

/** Stored elements as float32, each exactly. */
export function widened(type: DataType, bytes: Uint8Array): Float32Array {
  // A copy, since a typed array must start at a multiple of its element's size; Buffer's own slice would not copy.
  const raw = Uint8Array.prototype.slice.call(bytes).buffer as ArrayBuffer;
  switch (type) {
    case 'F32':
      return new Float32Array(raw);
    case 'F16':
      return Float32Array.from(new Float16Array(raw));
    case 'BF16':
      return new BFloat16Array(new Uint16Array(raw)).toFloat32();
    case 'I8':
      return Float32Array.from(new Int8Array(raw));
    case 'U8':
      return Float32Array.from(new Uint8Array(raw));
  }
}
