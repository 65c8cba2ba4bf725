import { createHash } from 'node:crypto';

/** What a model keeps of contexts, in bytes. */
export const cacheBytes = 512 * 2 ** 20;

/**
 * What was made of token ids and used last, as long as it fits. Only a cache: what is not in it is made again, to the same
 * numbers. Entries are known by a digest of their tokens and of their owner, so that nobody learns from the time an answer
 * takes what another has asked.
 */
export class TokenCache<Entry extends { readonly bytes: number }> {
  readonly #entries = new Map<string, Entry>();
  readonly #capacity: number;
  #bytes = 0;

  /** @param capacity in bytes */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(ids: readonly number[], owner: string): Entry | undefined {
    const key = keyOf(ids, owner);
    const known = this.#entries.get(key);
    if (known) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
    }
    return known;
  }

  set(ids: readonly number[], owner: string, entry: Entry): void {
    const key = keyOf(ids, owner);
    if (this.#entries.has(key)) return;
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    for (const [oldest, { bytes }] of this.#entries) {
      if (this.#bytes <= this.#capacity || this.#entries.size === 1) break;
      this.#entries.delete(oldest);
      this.#bytes -= bytes;
    }
  }

  async getOrMake(ids: readonly number[], owner: string, make: () => Entry | Promise<Entry>): Promise<Entry> {
    const known = this.get(ids, owner);
    if (known) return known;
    const made = await make();
    this.set(ids, owner, made);
    return made;
  }
}

function keyOf(ids: readonly number[], owner: string): string {
  return createHash('sha256').update(owner).update('\0').update(Uint32Array.from(ids)).digest('base64');
}
