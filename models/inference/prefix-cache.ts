import { createHash } from 'node:crypto';

/** Clean tokens are encoded in pieces of this many, counted from the context's start, so that equal contexts are always
 * encoded alike, however they grew. */
export const pieceLength = 64;

/** What one layer keeps of a run of tokens. */
export interface KeptLayer {
  /** [groups, head width, length] */
  readonly keys: Float32Array;
  /** [groups, length, head width] */
  readonly values: Float32Array;
}

/** Keys and values of a context's beginning. */
export interface EncodedPrefix {
  readonly length: number;
  readonly layers: readonly KeptLayer[];
  readonly bytes: number;
}

/**
 * The prefixes used last, as long as they fit. Only a cache: what is not in it is encoded again, to the same numbers.
 * Prefixes are known by a digest of their tokens and a salt, so that one tenant cannot learn from the time an answer
 * takes what another has asked.
 */
export class PrefixCache {
  readonly #entries = new Map<string, EncodedPrefix>();
  readonly #capacity: number;
  #bytes = 0;

  /** @param capacity in bytes */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(ids: readonly number[], salt: string): EncodedPrefix | undefined {
    const key = keyOf(ids, salt);
    const known = this.#entries.get(key);
    if (known) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
    }
    return known;
  }

  set(ids: readonly number[], salt: string, entry: EncodedPrefix): void {
    const key = keyOf(ids, salt);
    if (this.#entries.has(key)) return;
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    for (const [oldest, { bytes }] of this.#entries) {
      if (this.#bytes <= this.#capacity || this.#entries.size === 1) break;
      this.#entries.delete(oldest);
      this.#bytes -= bytes;
    }
  }
}

function keyOf(ids: readonly number[], salt: string): string {
  return createHash('sha256').update(salt).update('\0').update(Uint32Array.from(ids)).digest('base64');
}

/**
 * A prefix grown by what was encoded behind it.
 *
 * @param layers of the fresh tokens alone
 */
export function grown(
  first: EncodedPrefix | undefined,
  layers: readonly KeptLayer[],
  length: number,
  { groups, headWidth }: { readonly groups: number; readonly headWidth: number },
): EncodedPrefix {
  const all = layers.map(({ keys, values }, layer) => {
    if (!first) return { keys, values };
    const before = first.layers[layer];
    return {
      keys: sideBySide(before.keys, keys, groups * headWidth),
      values: sideBySide(before.values, values, groups),
    };
  });
  const bytes = all.reduce((sum, { keys, values }) => sum + keys.byteLength + values.byteLength, 0);
  return { length: (first?.length ?? 0) + length, layers: all, bytes };
}

/** Two tensors of `runs` rows joined row by row. */
function sideBySide(a: Float32Array, b: Float32Array, runs: number): Float32Array {
  const out = new Float32Array(a.length + b.length);
  const [left, right] = [a.length / runs, b.length / runs];
  for (let run = 0; run < runs; run++) {
    out.set(a.subarray(run * left, (run + 1) * left), run * (left + right));
    out.set(b.subarray(run * right, (run + 1) * right), run * (left + right) + left);
  }
  return out;
}
