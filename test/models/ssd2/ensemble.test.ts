import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compressMerged, merge } from '../../../models/ssd2/ensemble.ts';
import { compress, expand, idAt, type LogitsEnvelope } from '../../../models/ssd2/envelope.ts';

const vocabulary = 40;
const row = fc.array(fc.float({ min: -12, max: 12, noNaN: true }), { minLength: vocabulary, maxLength: vocabulary });
const kept = fc.integer({ min: 1, max: vocabulary });

function softmax(logits: readonly number[]): number[] {
  const max = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - max));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Rows of log-probabilities, as models answer them. */
function normalised(...rows: readonly (readonly number[])[]): Float32Array {
  return Float32Array.from(rows.flatMap((logits) => softmax(logits).map(Math.log)));
}

function probabilities(envelope: LogitsEnvelope): Float32Array {
  const out = new Float32Array(envelope.positions * envelope.vocabulary);
  expand(envelope, out);
  return out;
}

/**
 * float16 keeps 11 bits, so a log-probability down to -32 is off by up to 1/128: less than 1 % of a probability. Two of
 * them, entry and normaliser, and the tail's, make the tolerance.
 */
const relative = 0.03;

function expectClose(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(relative * expected + 1e-6);
}

describe('a logits envelope', () => {
  it('keeps the largest entries of each position, and their probabilities', () => {
    fc.assert(
      fc.property(row, row, kept, (first, second, k) => {
        const envelope = compress(normalised(first, second), vocabulary, k);
        for (const [position, logits] of [first, second].entries()) {
          const expected = softmax(logits);
          const row = normalised(logits);
          const order = logits.map((_, v) => v).sort((a, b) => row[b] - row[a] || a - b);
          const ids = Array.from({ length: k }, (_, i) => idAt(envelope, position, i));
          expect(ids).toEqual(order.slice(0, k).sort((a, b) => a - b));
          const actual = probabilities(envelope).subarray(position * vocabulary);
          for (const id of ids) expectClose(actual[id], expected[id]);
        }
      }),
    );
  });

  it('expands to probabilities that sum to 1', () => {
    fc.assert(
      fc.property(row, kept, (logits, k) => {
        const sum = probabilities(compress(normalised(logits), vocabulary, k)).reduce((a, b) => a + b, 0);
        expect(sum).toBeCloseTo(1, 5);
      }),
    );
  });
});

describe('the ensemble', () => {
  const coefficients = fc.float({ min: 0, max: 1, noNaN: true });

  it('of dense answers is the softmax of the weighted sum of logits', () => {
    fc.assert(
      fc.property(row, row, coefficients, (a, b, weight) => {
        const dense = (logits: number[]) => compress(normalised(logits), vocabulary, vocabulary);
        const [merged] = merge([
          { coefficient: 1 - weight, envelope: dense(a) },
          { coefficient: weight, envelope: dense(b) },
        ]);
        const expected = softmax(a.map((logit, v) => (1 - weight) * logit + weight * b[v]));
        expect(merged.ids).toHaveLength(vocabulary);
        expected.forEach((probability, v) => {
          expectClose(Math.exp(merged.logProbabilities[v]), probability);
        });
      }),
    );
  });

  it('of one member is that member', () => {
    fc.assert(
      fc.property(row, kept, (logits, k) => {
        const envelope = compress(normalised(logits), vocabulary, k);
        const merged = merge([{ coefficient: 1, envelope }]);
        const actual = probabilities(compressMerged(merged, vocabulary, k));
        probabilities(envelope).forEach((probability, v) => {
          expectClose(actual[v], probability);
        });
      }),
    );
  });

  it('with a coefficient below 0 pushes away from what that member says', () => {
    const certain = (token: number) => {
      const logits = new Array<number>(vocabulary).fill(0);
      return compress(normalised(logits.with(token, 4)), vocabulary, 8);
    };
    const [{ ids, logProbabilities }] = merge([
      { coefficient: 2, envelope: certain(3) },
      { coefficient: -1, envelope: certain(5) },
    ]);
    const logit = (token: number) => logProbabilities[ids.indexOf(token)];
    expect(logit(3)).toBeGreaterThan(logit(0));
    expect(logit(5)).toBeLessThan(logit(0));
  });

  it('of answers of different vocabularies is an error', () => {
    const envelope = compress(new Float32Array(vocabulary), vocabulary, 4);
    const other = compress(new Float32Array(20), 20, 4);
    expect(() =>
      merge([
        { coefficient: 0.5, envelope },
        { coefficient: 0.5, envelope: other },
      ]),
    ).toThrow('1 x 40 and 1 x 20');
  });
});
