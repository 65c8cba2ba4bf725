import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { batchLimits, type FileProblemCode } from '../contracts/batch/row.ts';

/** A file that cannot be read as rows, or not to its end. */
export class BadFile extends Error {
  override name = 'BadFile';
  readonly code: FileProblemCode;

  constructor(code: FileProblemCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const byteOrderMarks = [
  { name: 'UTF-32', bytes: [0xff, 0xfe, 0, 0] },
  { name: 'UTF-32', bytes: [0, 0, 0xfe, 0xff] },
  { name: 'UTF-16', bytes: [0xff, 0xfe] },
  { name: 'UTF-16', bytes: [0xfe, 0xff] },
];
const gzipMagic = [0x1f, 0x8b];
/** By which a file's form is told. */
const headBytes = 4;

/**
 * The text of a file, unpacked where it begins as gzip does, whatever its name.
 *
 * @throws BadFile for what is no UTF-8 from the first character on, damaged gzip, or more than a file may have
 */
export async function* inputBytes(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const counted = new Counted(source);
  const [head, whole] = await beginning(counted);
  if (head.length === 0) throw new BadFile('empty_file', 'the file is empty');
  const packed = startsWith(head, gzipMagic);
  let bytes = 0;
  let first = true;
  for await (const chunk of packed ? unpacked(whole) : whole) {
    if (first) refuseWide(chunk);
    first = false;
    bytes += chunk.length;
    const { fileBytes, unpackedTimes, unpackedFirstBytes } = batchLimits;
    if (bytes > fileBytes) throw new BadFile('file_too_large', `the file has more than ${fileBytes} bytes of text`);
    if (packed && bytes > unpackedFirstBytes + unpackedTimes * counted.bytes) {
      const times = `${unpackedTimes} times its own size`;
      throw new BadFile(
        'too_much_inside',
        `the gzip file has more inside than ${times}: such a file is no list of rows`,
      );
    }
    yield chunk;
  }
  if (first) throw new BadFile('empty_file', 'the file has nothing inside');
}

/** Counts what passes. */
class Counted {
  bytes = 0;
  readonly #source: AsyncIterable<Uint8Array>;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for await (const chunk of this.#source) {
      this.bytes += chunk.length;
      yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
  }
}

/** The first bytes, and all of them again. */
async function beginning(source: AsyncIterable<Buffer>): Promise<[Buffer, AsyncIterable<Buffer>]> {
  const iterator = source[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < headBytes) {
    const { value, done } = await iterator.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  async function* whole() {
    try {
      if (head.length > 0) yield head;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return [head, whole()];
}

async function* unpacked(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const read = Readable.from(source, { objectMode: false });
  const gunzip = createGunzip();
  // A pipe does not pass errors on.
  read.on('error', (error) => gunzip.destroy(error));
  try {
    yield* read.pipe(gunzip) as AsyncIterable<Buffer>;
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    if (!code.startsWith('Z_')) throw cause;
    throw new BadFile('damaged_gzip', `the gzip file is damaged or cut off: ${message}`, { cause });
  } finally {
    gunzip.destroy();
    read.destroy();
  }
}

/** @throws BadFile for text in characters of two or four bytes */
function refuseWide(head: Buffer): void {
  const mark = byteOrderMarks.find(({ bytes }) => startsWith(head, bytes));
  const everyOther = head.length >= 4 && (head[0] === 0) !== (head[1] === 0) && (head[2] === 0) !== (head[3] === 0);
  if (!mark && !everyOther) return;
  throw new BadFile('not_utf8_file', `the file is ${mark?.name ?? 'UTF-16'}; save it as UTF-8`);
}

function startsWith(bytes: Buffer, beginning: readonly number[]): boolean {
  return beginning.length <= bytes.length && beginning.every((byte, i) => bytes[i] === byte);
}
