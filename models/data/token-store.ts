import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { writeError } from '../files/write-error.ts';

/** Token ids that are read a piece at a time; a Uint16Array is one. */
export interface TokenSequence {
  readonly length: number;
  slice(start: number, end: number): Uint16Array;
}

/** Token ids in a file of little-endian 16-bit words, which is never read as a whole. */
export class TokenFile implements TokenSequence {
  readonly length: number;
  readonly #file: number;

  constructor(path: string) {
    this.length = statSync(path).size / 2;
    this.#file = openSync(path, 'r');
  }

  slice(start: number, end: number): Uint16Array {
    const from = Math.max(0, start);
    const tokens = new Uint16Array(Math.max(0, Math.min(end, this.length) - from));
    const bytes = new Uint8Array(tokens.buffer);
    let done = 0;
    while (done < bytes.length) {
      const read = readSync(this.#file, bytes, done, bytes.length - done, 2 * from + done);
      if (read === 0) throw new Error('the token file became shorter while it was read');
      done += read;
    }
    return tokens;
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Collects tokens in memory, or, given a path, in a file that a TokenFile reads. */
export class TokenWriter {
  readonly #path: string | undefined;
  #file: number | undefined;
  /** What is not in the file yet. */
  #buffer = new Uint16Array(2 ** 16);
  #buffered = 0;
  #inFile = 0;

  constructor(path?: string) {
    this.#path = path;
    this.#file = path === undefined ? undefined : openSync(path, 'w');
  }

  get length(): number {
    return this.#inFile + this.#buffered;
  }

  /** All of them; in memory. */
  get tokens(): Uint16Array {
    return this.#buffer.slice(0, this.#buffered);
  }

  write(tokens: readonly number[]): void {
    while (this.#buffered + tokens.length > this.#buffer.length) {
      this.#flush();
      if (this.#buffered + tokens.length <= this.#buffer.length) break;
      const larger = new Uint16Array(2 * this.#buffer.length);
      larger.set(this.#buffer.subarray(0, this.#buffered));
      this.#buffer = larger;
    }
    this.#buffer.set(tokens, this.#buffered);
    this.#buffered += tokens.length;
  }

  /** Takes back all tokens from the `length`-th on. */
  cut(length: number): void {
    if (length < this.#inFile) {
      ftruncateSync(this.#file as number, 2 * length);
      this.#inFile = length;
    }
    this.#buffered = length - this.#inFile;
  }

  /** Writes what is not in the file yet, and closes it. */
  finish(): void {
    this.#flush();
    this.close();
  }

  /** Closes the file as it is. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #flush(): void {
    if (this.#file === undefined) return;
    const bytes = new Uint8Array(this.#buffer.buffer, 0, 2 * this.#buffered);
    try {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#file, bytes, done, bytes.length - done, 2 * this.#inFile + done);
      }
    } catch (cause) {
      throw writeError(this.#path as string, cause);
    }
    this.#inFile += this.#buffered;
    this.#buffered = 0;
  }
}

const piece = 2 ** 20;

function* pieces(tokens: TokenSequence): Generator<Uint16Array> {
  for (let start = 0; start < tokens.length; start += piece) {
    yield tokens.slice(start, Math.min(start + piece, tokens.length));
  }
}

/** How often each token occurs. */
export function tokenCounts(tokens: TokenSequence, vocabulary: number): Float64Array {
  const counts = new Float64Array(vocabulary);
  for (const some of pieces(tokens)) for (let i = 0; i < some.length; i++) counts[some[i]]++;
  return counts;
}

/** The largest id that occurs. */
export function largestToken(tokens: TokenSequence): number {
  let largest = 0;
  for (const some of pieces(tokens)) for (let i = 0; i < some.length; i++) largest = Math.max(largest, some[i]);
  return largest;
}

/** A digest that tells one text from another. */
export function fingerprint(tokens: TokenSequence): string {
  const hash = createHash('sha256');
  for (const some of pieces(tokens)) hash.update(some);
  return hash.digest('hex');
}
