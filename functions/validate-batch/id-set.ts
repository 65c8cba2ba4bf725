import { createHash } from 'node:crypto';

const firstSlots = 2 ** 12;
/** Slots that may be taken before there are twice as many. */
const fullest = 0.6;

/**
 * Which ids there were, by 64 bits of their digests: of a million ids two are taken for one with a probability of 3e-8, and
 * they take 16 to 32 MB whatever their length.
 */
export class IdSet {
  #slots = new BigUint64Array(firstSlots);
  #size = 0;

  /** @returns whether it was not there before */
  add(id: string): boolean {
    const digest = createHash('sha256').update(id).digest();
    // 0 is a slot that is free.
    const mark = digest.readBigUInt64LE() || 1n;
    const slot = this.#slotOf(mark);
    if (this.#slots[slot] === mark) return false;
    this.#slots[slot] = mark;
    if (++this.#size > fullest * this.#slots.length) this.#grow();
    return true;
  }

  #slotOf(mark: bigint): number {
    const last = this.#slots.length - 1;
    let slot = Number(mark & BigInt(last));
    while (this.#slots[slot] !== 0n && this.#slots[slot] !== mark) slot = (slot + 1) & last;
    return slot;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new BigUint64Array(2 * before.length);
    for (const mark of before) if (mark !== 0n) this.#slots[this.#slotOf(mark)] = mark;
  }
}
