import { rowBytes, type TensorFormat } from '../checkpoint/tensor-format.ts';
import type { FileBytes } from './file-bytes.ts';
import { ImportError } from './import-error.ts';

export type GgufValue = number | string | boolean | readonly GgufValue[];

export interface GgufTensor {
  readonly format: TensorFormat;
  /** [rows, columns], or [elements]: the reverse of ggml's order. */
  readonly shape: readonly number[];
  /** Of its first byte, from the file's start. */
  readonly from: number;
  readonly bytes: number;
}

export interface Gguf {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** ggml's numbers of the types that are read. */
const formats = new Map<number, TensorFormat>([
  [0, 'F32'],
  [1, 'F16'],
  [2, 'q4_0'],
  [3, 'q4_1'],
  [8, 'q8_0'],
  [30, 'BF16'],
]);

/** Those that are met most often besides, for what an error says. */
const otherTypes = new Map([
  [6, 'Q5_0'],
  [7, 'Q5_1'],
  [10, 'Q2_K'],
  [11, 'Q3_K'],
  [12, 'Q4_K'],
  [13, 'Q5_K'],
  [14, 'Q6_K'],
  [20, 'IQ4_NL'],
  [23, 'IQ4_XS'],
  [28, 'F64'],
]);

/**
 * Reads what a GGUF file (version 2 or 3, little-endian) says before its tensors.
 *
 * @throws ImportError naming what is wrong
 */
export async function readGguf(file: FileBytes): Promise<Gguf> {
  for (let length = Math.min(file.size, 4 * 2 ** 20); ; length = Math.min(file.size, length * 4)) {
    const header = new HeaderReader(await file.read(0, length), file);
    try {
      return readHeader(header);
    } catch (error) {
      if (!(error instanceof OutOfBytes)) throw error;
      if (length === file.size) throw new ImportError(`${file.path} is cut off in ${header.where}: fetch it again`);
    }
  }
}

/** The bytes at hand end before what is to be read does. */
class OutOfBytes extends Error {}

class HeaderReader {
  readonly file: FileBytes;
  /** What is being read, for errors. */
  where = 'its first bytes';
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array, file: FileBytes) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.file = file;
  }

  get position(): number {
    return this.#at;
  }

  fail(what: string): never {
    throw new ImportError(`${this.file.path}: ${what}`);
  }

  /** Moves on by `bytes`, and gives where they start. */
  #take(bytes: number): number {
    const from = this.#at;
    // What the file itself cannot hold is asked for in vain.
    if (from + bytes > this.#view.byteLength) throw new OutOfBytes();
    this.#at = from + bytes;
    return from;
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** A length or offset; what is above the file's size is as good as infinite. */
  uint64(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true));
  }

  /** A number of things that take at least `bytes` each. */
  count(bytes: number): number {
    const count = this.uint64();
    if (count * bytes > this.file.size - this.#at) throw new OutOfBytes();
    return count;
  }

  string(): string {
    const length = this.count(1);
    const from = this.#take(length);
    return Buffer.from(this.#view.buffer, this.#view.byteOffset + from, length).toString('utf8');
  }

  value(type: number, depth = 0): GgufValue {
    const view = this.#view;
    switch (type) {
      case 0:
        return view.getUint8(this.#take(1));
      case 1:
        return view.getInt8(this.#take(1));
      case 2:
        return view.getUint16(this.#take(2), true);
      case 3:
        return view.getInt16(this.#take(2), true);
      case 4:
        return this.uint32();
      case 5:
        return view.getInt32(this.#take(4), true);
      case 6:
        return view.getFloat32(this.#take(4), true);
      case 7:
        return view.getUint8(this.#take(1)) !== 0;
      case 8:
        return this.string();
      case 9: {
        if (depth > 3) return this.fail(`${this.where} holds arrays too deep to be read`);
        const of = this.uint32();
        return Array.from({ length: this.count(1) }, () => this.value(of, depth + 1));
      }
      case 10:
        return this.uint64();
      case 11:
        return Number(view.getBigInt64(this.#take(8), true));
      case 12:
        return view.getFloat64(this.#take(8), true);
      default:
        return this.fail(`${this.where} is of type ${type}, which GGUF does not define: the file is damaged`);
    }
  }
}

function readHeader(header: HeaderReader): Gguf {
  checkMagic(header);
  const tensorCount = header.count(24);
  const valueCount = header.count(13);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < valueCount; i++) {
    header.where = `metadata ${i + 1} of ${valueCount}`;
    const key = header.string();
    header.where = `metadata ${key}`;
    metadata.set(key, header.value(header.uint32()));
  }
  const declared = [];
  for (let i = 0; i < tensorCount; i++) {
    header.where = `the list of tensors, ${i + 1} of ${tensorCount}`;
    const name = header.string();
    const dimensions = Array.from({ length: readRank(header, name) }, () => header.uint64());
    declared.push({ name, shape: dimensions.reverse(), type: header.uint32(), offset: header.uint64() });
  }
  const alignment = Number(metadata.get('general.alignment') ?? 32);
  if (!Number.isSafeInteger(alignment) || alignment < 1) header.fail(`general.alignment is ${alignment}`);
  const start = Math.ceil(header.position / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const { name, shape, type, offset } of declared) {
    if (tensors.has(name)) header.fail(`tensor ${name} is there twice: the file is damaged`);
    tensors.set(name, placed(header, name, shape, type, start + offset));
  }
  return { metadata, tensors };
}

function checkMagic(header: HeaderReader): void {
  const magic = header.uint32();
  if (magic !== 0x46554747) {
    header.fail('not a GGUF file, which starts with "GGUF": give one, or a Hugging Face folder');
  }
  const version = header.uint32();
  if (version === 2 || version === 3) return;
  const big = version >>> 24 === 2 || version >>> 24 === 3;
  const is = big ? 'a big-endian GGUF file' : `a GGUF file of version ${version}`;
  header.fail(`${is}; versions 2 and 3, little-endian, are read: convert it again with llama.cpp`);
}

function readRank(header: HeaderReader, name: string): number {
  const rank = header.uint32();
  if (rank < 1 || rank > 4) header.fail(`tensor ${name} has ${rank} dimensions, GGUF allows 1 to 4: it is damaged`);
  return rank;
}

function placed(header: HeaderReader, name: string, shape: number[], type: number, from: number): GgufTensor {
  const format = formats.get(type);
  if (format === undefined) {
    const known = otherTypes.get(type) ?? `type ${type}`;
    const read = [...formats.values()].map((format) => format.toUpperCase()).join(', ');
    return header.fail(`tensor ${name} is of ${known}; ${read} are read: take such a file of this model`);
  }
  const columns = shape[shape.length - 1];
  const bytes = rowBytes(format, columns) * shape.slice(0, -1).reduce((rows, size) => rows * size, 1);
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    header.fail(`tensor ${name} has shape [${shape}], which ${format.toUpperCase()} cannot hold: the file is damaged`);
  }
  const { size } = header.file;
  if (from + bytes > size) {
    header.fail(`cut off inside tensor ${name}: ${size} bytes of at least ${from + bytes}; fetch it again`);
  }
  return { format, shape, from, bytes };
}
