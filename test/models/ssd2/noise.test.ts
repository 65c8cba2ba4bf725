import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gaussianRow, type NoiseAddress, normalQuantiles, uniform } from '../../../models/ssd2/noise.ts';
import { threefry, threefryStream } from '../../../models/ssd2/threefry.ts';

const address: NoiseAddress = { seed: 7, lane: 0, block: 1, step: 2, position: 3 };

describe('threefry', () => {
  // The known answers that the Random123 library publishes for threefry2x32, 13 rounds.
  it.each([
    [
      [0, 0],
      [0, 0],
      [0x9d1c5ec6, 0x8bd50731],
    ],
    [
      [-1, -1],
      [-1, -1],
      [0xfd36d048, 0x2d17272c],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      [0xba3e4725, 0xf27d669e],
    ],
  ] as [[number, number], [number, number], [number, number]][])('key %j, counter %j', (key, counter, answer) => {
    expect(threefry(key, counter)).toEqual(answer);
  });

  it('streams the same blocks as it gives one by one', () => {
    const word = fc.nat(2 ** 32 - 1);
    fc.assert(
      fc.property(fc.tuple(word, word), (key) => {
        const stream = new Uint32Array(64);
        threefryStream(key, stream);
        const single = Array.from({ length: 32 }, (_, i) => threefry(key, [i, 0])).flat();
        expect([...stream]).toEqual(single);
      }),
    );
  });
});

describe('noise', () => {
  it('has the same bits on every machine', () => {
    const row = new Float32Array(4096);
    gaussianRow(address, row);
    const digest = createHash('sha256').update(new Uint8Array(row.buffer)).digest('hex');
    expect(digest).toBe('6eae1c185b0050f9279b4e911668a00f735dd519e1fa099b4412ec14182141a3');
    expect(uniform(address)).toBe(0.34356206248048693);
  });

  it('looks up the quantiles of the normal distribution', () => {
    // Against the distribution function by Simpson's rule, which leaves an error far below float32's.
    const distribution = (z: number) => {
      const n = 2000;
      const h = z / n;
      const density = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
      const inner = Array.from({ length: n - 1 }, (_, i) => (i % 2 ? 2 : 4) * density((i + 1) * h));
      return 0.5 + (h / 3) * (density(0) + inner.reduce((a, b) => a + b, 0) + density(z));
    };
    const table = normalQuantiles();
    for (let i = 0; i < 65536; i += 997) {
      // A float32 of size up to 4.3 is off by up to 2.4e-7, which the density scales by at most 0.4.
      expect(distribution(table[i])).toBeCloseTo((i + 0.5) / 65536, 6);
    }
  });

  it('has the moments of N(0, 1)', () => {
    const row = new Float32Array(100_000);
    gaussianRow(address, row);
    const moment = (power: number) => row.reduce((sum, z) => sum + z ** power, 0) / row.length;
    // Four standard errors of each sample moment: 4 sqrt(var / n) with var = 1, 2, 15, 96.
    expect(Math.abs(moment(1))).toBeLessThan(0.013);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.018);
    expect(Math.abs(moment(3))).toBeLessThan(0.049);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.124);
  });

  it('differs with every part of its address', () => {
    const row = (at: NoiseAddress) => {
      const out = new Float32Array(8);
      gaussianRow(at, out);
      return out.join();
    };
    const others = Object.keys(address).map((part) => row({ ...address, [part]: address[part as 'seed'] + 1 }));
    const farSeed = row({ ...address, seed: address.seed + 2 ** 40 });
    expect(new Set([row(address), farSeed, ...others]).size).toBe(7);
  });

  it('of a longer row begins with that of a shorter one', () => {
    const [short, long] = [new Float32Array(100), new Float32Array(10_000)];
    gaussianRow(address, short);
    gaussianRow(address, long);
    expect(long.subarray(0, 100)).toEqual(short);
  });
});
