import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { takeLargest } from '../../../models/ssd2/selection.ts';

/** Nats: likely ones, equal ones, those where the buckets end at -64, and none at all. */
const value = fc.oneof(
  fc.double({ min: -70, max: 1, noNaN: true }),
  fc.integer({ min: -1040, max: 0 }).map((sixteenth) => sixteenth / 16),
  fc.constantFrom(-63.9375, -64, -64.0625, -1000, Number.NEGATIVE_INFINITY),
);
const values = fc.array(value, { minLength: 1, maxLength: 40 }).map((list) => Float32Array.from(list));

/** Largest first, of equal ones the first: sorted as a whole. */
function ranked(list: Float32Array): number[] {
  return Array.from(list.keys()).sort((a, b) => (list[a] === list[b] ? a - b : list[b] - list[a]));
}

describe('the largest of a row', () => {
  it('are as many as are wanted, whatever they are', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 40 }), (list, count) => {
        const wanted = Math.min(count, list.length);
        expect(takeLargest(list, wanted)).toEqual(
          ranked(list)
            .slice(0, wanted)
            .sort((a, b) => a - b),
        );
      }),
    );
  });

  it('are the same of a long row, however it is distributed', () => {
    const long = fc.tuple(
      fc.array(value, { minLength: 1, maxLength: 200 }),
      fc.integer({ min: 2100, max: 5000 }),
      fc.integer({ min: 1, max: 997 }),
      fc.constantFrom(0, 1e-4, 0.01),
    );
    fc.assert(
      fc.property(long, fc.integer({ min: 1, max: 300 }), ([some, length, stride, slope], wanted) => {
        const row = Float32Array.from({ length }, (_, i) => some[(i * stride) % some.length] - slope * i);
        expect(takeLargest(row, wanted)).toEqual(
          ranked(row)
            .slice(0, wanted)
            .sort((a, b) => a - b),
        );
      }),
    );
  });

  it('are just as many as their weights need', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 400 }), (list, wanted) => {
        const weights = Float32Array.from(list, (_, i) => 1 + (i % 7));
        const order = ranked(list);
        let sum = 0;
        let count = 0;
        while (count < order.length && sum < wanted) sum += weights[order[count++]];
        expect(takeLargest(list, wanted, weights)).toEqual(order.slice(0, count).sort((a, b) => a - b));
      }),
    );
  });
});
