import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { BadRow } from './bad-row.ts';

/** A line, or as much of a long one as is read at a time. */
export interface LinePart {
  /** From 1. */
  readonly line: number;
  /** Without the line's end; undefined where the bytes are not UTF-8, which the rest of the line then is not either. */
  readonly text: string | undefined;
  readonly first: boolean;
  readonly last: boolean;
}

const partBytes = 2 ** 20;

const newline = 10;
const carriageReturn = 13;
const byteOrderMark = '\uFEFF';

/**
 * The lines of a file, plain or gzip, whatever their length in bounded memory; CR LF ends a line as LF does, and a byte
 * order mark is none of the text.
 *
 * @param wholeBytes lines up to so many come in one part
 * @throws BadRow where the file cannot be read on
 */
export async function* readLineParts(file: string, wholeBytes = partBytes): AsyncGenerator<LinePart> {
  let line = 1;
  try {
    for await (const part of linePartsOf(bytesOf(file), wholeBytes)) {
      line = part.line + (part.last ? 1 : 0);
      yield part;
    }
  } catch (cause) {
    throw new BadRow(`${file}:${line}: ${(cause as Error).message}`, { cause });
  }
}

/** The same of bytes that come from anywhere; throws what they throw. */
export async function* linePartsOf(chunks: AsyncIterable<Buffer>, wholeBytes = partBytes): AsyncGenerator<LinePart> {
  const lines = new LineDecoder(wholeBytes);
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      yield lines.part(chunk.subarray(start, end), true);
      start = end + 1;
    }
    const part = lines.hold(chunk.subarray(start));
    if (part) yield part;
  }
  if (!lines.isEmpty) yield lines.part(Buffer.alloc(0), true);
}

function bytesOf(file: string): AsyncIterable<Buffer> {
  const source = createReadStream(file);
  if (!file.endsWith('.gz')) return source;
  const unzipped = source.pipe(createGunzip());
  // A pipe does not pass errors on.
  source.on('error', (error) => unzipped.destroy(error));
  return unzipped;
}

/** Turns the bytes of one line after the other into text. */
class LineDecoder {
  line = 1;
  #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #held: Buffer[] = [];
  #size = 0;
  #first = true;
  #valid = true;
  readonly #wholeBytes: number;

  constructor(wholeBytes: number) {
    this.#wholeBytes = wholeBytes;
  }

  get isEmpty(): boolean {
    return this.#size === 0 && this.#first;
  }

  /** Keeps the beginning of a line until there is its end, or enough for a part. */
  hold(bytes: Buffer): LinePart | undefined {
    if (bytes.length === 0) return undefined;
    this.#held.push(bytes);
    this.#size += bytes.length;
    // A part does not end in CR, whose LF may be still to come.
    if (this.#size <= this.#wholeBytes || bytes.at(-1) === carriageReturn) return undefined;
    return this.part(Buffer.alloc(0), false);
  }

  part(bytes: Buffer, last: boolean): LinePart {
    const all = this.#held.length > 0 ? Buffer.concat([...this.#held, bytes]) : bytes;
    const content = last && all.at(-1) === carriageReturn ? all.subarray(0, -1) : all;
    const part = { line: this.line, text: this.#decode(content, last), first: this.#first, last };
    this.#held = [];
    this.#size = 0;
    this.#first = last;
    if (last) {
      this.line++;
      this.#valid = true;
    }
    return part;
  }

  #decode(bytes: Buffer, last: boolean): string | undefined {
    if (!this.#valid) return undefined;
    try {
      const text = this.#decoder.decode(bytes, { stream: !last });
      // NUL is UTF-8, but no text: what holds it is something else.
      if (text.includes('\0')) throw new TypeError('NUL');
      return this.line === 1 && this.#first && text.startsWith(byteOrderMark) ? text.slice(1) : text;
    } catch {
      this.#decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
      this.#valid = last;
      return undefined;
    }
  }
}
