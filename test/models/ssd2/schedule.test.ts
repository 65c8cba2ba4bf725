import { describe, expect, it } from 'vitest';
import { stepsToRun } from '../../../models/ssd2/halting.ts';
import { alphaBar, simplexScaleAt, timestepOf } from '../../../models/ssd2/schedule.ts';
import { noiseSimplex } from '../../../models/ssd2/simplex.ts';

describe('the schedule', () => {
  it('falls from 1 at t = 0 to 0 at t = 1', () => {
    expect(alphaBar(0)).toBe(1);
    expect(alphaBar(1)).toBe(0);
    const values = Array.from({ length: 101 }, (_, i) => alphaBar(i / 100));
    expect(values).toEqual(values.toSorted((a, b) => b - a));
    // cos^2(pi / 4) = 1/2, but for the offset of 1e-4.
    expect(alphaBar(0.5)).toBeCloseTo(0.5, 3);
  });

  it('is the cosine schedule, its squares written as half angles', () => {
    const angle = (t: number) => (Math.PI * (10_000 * t + 1)) / 10_001;
    for (const t of [0.01, 0.3, 0.5, 0.9, 0.999]) {
      // float64 loses up to 1e-12 where the cosine is near -1.
      expect(alphaBar(t)).toBeCloseTo((1 + Math.cos(angle(t))) / (1 + Math.cos(angle(0))), 12);
    }
  });

  it('spaces timesteps evenly from 1 down, none of them 0', () => {
    expect([0, 1, 2, 3].map((step) => timestepOf(step, 4))).toEqual([1, 0.75, 0.5, 0.25]);
  });

  it.each([
    [100, 0.4, 60],
    [50, 0.4, 30],
    [7, 0.4, 5],
    [1, 0.4, 1],
    [10, 0, 10],
  ])('of %i steps stopped at t = %d runs %i, all above it', (steps, stopAt, run) => {
    expect(stepsToRun(steps, stopAt)).toBe(run);
    expect(timestepOf(run - 1, steps)).toBeGreaterThan(stopAt);
  });
});

describe('the posterior scale', () => {
  it('makes softmax(x_t) the posterior of the token by Bayes, under a uniform prior', () => {
    const [t, vocabulary, token] = [0.45, 50, 17];
    const x = new Float32Array(vocabulary);
    noiseSimplex([token], t, 'posterior', { seed: 4, lane: 0, block: 0, step: 0, position: 0 }, x);
    const scale = simplexScaleAt('posterior', t);
    const [signal, variance] = [scale * Math.sqrt(alphaBar(t)), scale ** 2 * (1 - alphaBar(t))];
    // log p(x | v) of independent normals, around the simplex of each token v in turn.
    const likelihood = Array.from({ length: vocabulary }, (_, v) =>
      x.reduce((sum, value, u) => sum - (value - (u === v ? signal : -signal)) ** 2 / (2 * variance), 0),
    );
    for (let v = 1; v < vocabulary; v++) {
      // x is float32: differences of values up to 20 are exact to about 1e-5.
      expect(likelihood[v] - likelihood[0]).toBeCloseTo(x[v] - x[0], 3);
    }
  });
});

describe('the noised simplex', () => {
  const address = { seed: 1, lane: 0, block: 0, step: 0, position: 0 };
  const at = (t: number, tokens: number[]) => {
    const out = new Float32Array(1000);
    noiseSimplex(tokens, t, { scale: 5 }, address, out);
    return out;
  };

  it('is the almost-one-hot simplex at t = 0', () => {
    const x = at(0, [42]);
    expect(x[42]).toBe(5);
    expect(x.every((value, v) => v === 42 || value === -5)).toBe(true);
    expect(at(0, [1, 2]).filter((value) => value === 5)).toHaveLength(2);
  });

  it('is K times noise at t = 1, whatever the token', () => {
    expect(at(1, [42])).toEqual(at(1, []));
    const variance = at(1, []).reduce((sum, value) => sum + value ** 2, 0) / 1000;
    // K^2 = 25, with four standard errors of a sample variance: 4 * 25 * sqrt(2 / 1000).
    expect(Math.abs(variance - 25)).toBeLessThan(4.5);
  });
});
