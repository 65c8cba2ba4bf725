import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MergedPosition } from '../../../models/ssd2/ensemble.ts';
import { likeliest, nucleus, project } from '../../../models/ssd2/projection.ts';

function position(masses: readonly number[]): MergedPosition {
  const sum = masses.reduce((a, b) => a + b, 0);
  return {
    ids: Uint32Array.from(masses, (_, i) => 10 + i),
    logProbabilities: Float32Array.from(masses, (mass) => Math.log(mass / sum)),
    probabilities: Float32Array.from(masses, (mass) => mass / sum),
    tailLogMass: Number.NEGATIVE_INFINITY,
  };
}

const masses = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 60 });
const topP = fc.double({ min: 0.01, max: 1, noNaN: true });

describe('the nucleus', () => {
  it('is the shortest run of likeliest tokens that reaches top-p, the crossing one included', () => {
    fc.assert(
      fc.property(masses, topP, (weights, p) => {
        const total = weights.reduce((a, b) => a + b, 0);
        const members = nucleus(position(weights), p);
        const inside = members.map((i) => weights[i]);
        const outside = weights.filter((_, i) => !members.includes(i));
        expect(Math.min(...inside)).toBeGreaterThanOrEqual(Math.max(0, ...outside));
        const mass = inside.reduce((a, b) => a + b, 0) / total;
        // float32 log-probabilities leave the mass at the border uncertain by about 1e-5.
        if (outside.length > 0) expect(mass).toBeGreaterThan(p - 1e-5);
        expect(mass - Math.min(...inside) / total).toBeLessThan(p + 1e-5);
      }),
    );
  });
});

describe('projection', () => {
  it('takes the lowest id of equally likely ones', () => {
    const tied = [position([1, 4, 4, 4])];
    expect(tied.map(likeliest)).toEqual([11]);
    expect(project(tied, 'greedy', 0.9, () => 0.5)).toEqual([[11]]);
    expect(project(tied, 'multi-hot', 0.5, () => 0.5)).toEqual([[11, 12]]);
  });

  it('samples each token of the nucleus as often as its share', () => {
    const weights = [50, 30, 15, 4, 1];
    const draws = 4000;
    const counts = new Map<number, number>();
    for (let i = 0; i < draws; i++) {
      const [[token]] = project([position(weights)], 'sample', 0.9, () => (i + 0.5) / draws);
      counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    // The nucleus of 0.9 is the first three, 95 % of the mass; evenly spaced draws are off by one at each border.
    expect([...counts.keys()].sort()).toEqual([10, 11, 12]);
    for (const [i, weight] of [50, 30, 15].entries()) {
      expect(Math.abs((counts.get(10 + i) ?? 0) - (draws * weight) / 95)).toBeLessThanOrEqual(2);
    }
  });

  it('greedy takes the likeliest, multi-hot the whole nucleus', () => {
    const merged = [position([1, 5, 4])];
    expect(project(merged, 'greedy', 0.9, () => 0.5)).toEqual([[11]]);
    expect(project(merged, 'multi-hot', 0.8, () => 0.5)).toEqual([[11, 12]]);
  });
});
