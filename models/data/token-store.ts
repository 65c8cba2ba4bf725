import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';

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
