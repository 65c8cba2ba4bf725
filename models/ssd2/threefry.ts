/** A pair of 32-bit words: a key or a counter. */
export type Words = readonly [number, number];

const parity = 0x1bd11bda;
const rotations = [13, 15, 26, 6, 17, 29, 16, 24];

/**
 * Threefry-2x32 with 13 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011; 13 is the fewest
 * that passes their BigCrush): a bijection of the counter under the key. Integer additions, rotations and exclusive ors
 * only, so every machine gives the same bits.
 */
export function threefry([key0, key1]: Words, [counter0, counter1]: Words): [number, number] {
  const keys = [key0, key1, key0 ^ key1 ^ parity];
  let x0 = (counter0 + key0) | 0;
  let x1 = (counter1 + key1) | 0;
  for (let round = 0; round < 13; round++) {
    const rotation = rotations[round % 8];
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << rotation) | (x1 >>> (32 - rotation))) ^ x0;
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      x0 = (x0 + keys[injection % 3]) | 0;
      x1 = (x1 + keys[(injection + 1) % 3] + injection) | 0;
    }
  }
  return [x0 >>> 0, x1 >>> 0];
}

/**
 * Writes the blocks of the counters (0, 0), (1, 0), ... under a key: `out[2 i]`, `out[2 i + 1]` from counter i. The
 * rounds are written out because this is the inner loop of all noise.
 */
export function threefryStream(key: Words, out: Uint32Array): void {
  // As signed integers, since the engine adds numbers above 2^31 as floats.
  const key0 = key[0] | 0;
  const key1 = key[1] | 0;
  const key2 = key0 ^ key1 ^ parity;
  for (let i = 0; i < out.length; i += 2) {
    let x0 = ((i >>> 1) + key0) | 0;
    let x1 = key1 | 0;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << 13) | (x1 >>> 19)) ^ x0;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << 15) | (x1 >>> 17)) ^ x0;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << 26) | (x1 >>> 6)) ^ x0;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << 6) | (x1 >>> 26)) ^ x0;
    x0 = (x0 + key1) | 0;
    x1 = (x1 + key2 + 1) | 0;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << 17) | (x1 >>> 15)) ^ x0;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << 29) | (x1 >>> 3)) ^ x0;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << 16) | (x1 >>> 16)) ^ x0;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << 24) | (x1 >>> 8)) ^ x0;
    x0 = (x0 + key2) | 0;
    x1 = (x1 + key0 + 2) | 0;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << 13) | (x1 >>> 19)) ^ x0;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << 15) | (x1 >>> 17)) ^ x0;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << 26) | (x1 >>> 6)) ^ x0;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << 6) | (x1 >>> 26)) ^ x0;
    x0 = (x0 + key0) | 0;
    x1 = (x1 + key1 + 3) | 0;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << 17) | (x1 >>> 15)) ^ x0;
    out[i] = x0;
    out[i + 1] = x1;
  }
}
