import { createHash } from 'node:crypto';
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
  /** SHA-256 of `described` and of the tensors' bytes, where whoever wrote the file gave one. */
  readonly digest: string | undefined;
  /** The header's JSON without the digest. */
  readonly described: string;
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

/** The metadata that a digest is kept under. */
const digestKey = 'slingshot.sha256';
/** As much as the format's own reader takes. */
const mostHeaderBytes = 100_000_000;

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

type Described = Iterable<readonly [name: string, { readonly type: DataType; readonly shape: readonly number[] }]>;

/** The bytes before the tensors: an 8-byte length, and a JSON header of the tensors in the order given. */
export function encodeHeader(tensors: Described, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const json = Buffer.from(headerJson(tensors, metadata));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded]);
}

function headerJson(tensors: Described, metadata: Readonly<Record<string, string>>): string {
  let offset = 0;
  const entries: [string, unknown][] = [['__metadata__', metadata]];
  for (const [name, { type, shape }] of tensors) {
    const end = offset + byteLength(type, shape);
    entries.push([name, { dtype: type, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  return JSON.stringify(Object.fromEntries(entries));
}

export function byteLength(type: DataType, shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, bytesOf[type]);
}

/** The chunks of a safetensors file, whose metadata say the digest of all that is in it. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const stored = [...tensors].map(([name, { shape, data }]) => ({ name, shape, ...storage(data) }));
  const entries = stored.map((tensor) => [tensor.name, tensor] as const);
  const chunks = stored.map(({ array }) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  const digest = digestOf(headerJson(entries, metadata), chunks);
  return [encodeHeader(entries, { ...metadata, [digestKey]: digest }), ...chunks];
}

function digestOf(described: string, chunks: readonly Uint8Array[]): string {
  const hash = createHash('sha256').update(described);
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
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
  const { __metadata__: about = {}, ...described } = header as Record<string, unknown>;
  if (!isMetadata(about)) return fail('its metadata are not texts by name');
  const { [digestKey]: digest, ...others } = about;
  const entries = new Map<string, Entry>();
  for (const [name, value] of Object.entries(described)) {
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
  checkCover(entries, dataStart, fileBytes);
  return { entries, metadata: others, digest, described: JSON.stringify({ __metadata__: others, ...described }) };
}

/** The tensors must cover all bytes after the header, each once. */
function checkCover(entries: ReadonlyMap<string, Entry>, dataStart: number, fileBytes: number): void {
  let covered = dataStart;
  for (const [name, { from, to }] of [...entries].sort(([, a], [, b]) => a.from - b.from || a.to - b.to)) {
    if (from < covered) throw new SafetensorsError(`tensor ${name} overlaps the one before it`);
    if (from > covered) throw new SafetensorsError(`there are ${from - covered} bytes of no tensor before ${name}`);
    covered = to;
  }
  if (covered < fileBytes) throw new SafetensorsError(`there are ${fileBytes - covered} bytes after the last tensor`);
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
  if (end > mostHeaderBytes) throw new SafetensorsError(`the header is said to have ${end - 8} bytes`);
  if (end > fileBytes) throw new SafetensorsError(`the header is said to end at byte ${end} of ${fileBytes}`);
  return end;
}

function isMetadata(value: unknown): value is Record<string, string> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject && Object.values(value).every((text) => typeof text === 'string');
}

function isDataType(type: string): type is DataType {
  return dataTypes.includes(type);
}

/**
 * @throws SafetensorsError saying what is wrong with the file's bytes: also where they are not those that were written,
 * as far as the file has a digest, or are no finite numbers
 */
export function decodeSafetensors(bytes: Uint8Array): {
  tensors: Tensors;
  metadata: Readonly<Record<string, string>>;
} {
  const { entries, metadata, digest, described } = decodeHeader(bytes, bytes.length);
  const data = bytes.subarray(headerBytes(bytes, bytes.length));
  if (digest !== undefined && digest !== digestOf(described, [data])) {
    throw new SafetensorsError('its content is not what was written: the digest in its metadata is another');
  }
  const tensors = new Map<string, Tensor>();
  for (const [name, { type, shape, from, to }] of entries) {
    tensors.set(name, finite(name, { shape, data: widened(type, bytes.subarray(from, to)) }));
  }
  return { tensors, metadata };
}

/** @throws SafetensorsError where the tensor holds NaN or an infinity */
export function finite(name: string, tensor: Tensor): Tensor {
  const { data } = tensor;
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) throw new SafetensorsError(`tensor ${name} holds ${data[i]} at element ${i}`);
  }
  return tensor;
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
