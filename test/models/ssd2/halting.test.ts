import { describe, expect, it } from 'vitest';
import { merge } from '../../../models/ssd2/ensemble.ts';
import { compress } from '../../../models/ssd2/envelope.ts';
import { meanEntropy } from '../../../models/ssd2/halting.ts';

/** Positions of given probabilities, of which an envelope keeps `kept` entries. */
function entropyOf(rows: readonly (readonly number[])[], kept: number): number {
  const logits = Float32Array.from(rows.flat(), Math.log);
  return meanEntropy(merge([{ coefficient: 1, envelope: compress(logits, rows[0].length, kept) }]));
}

/** -sum p ln p */
function entropy(probabilities: readonly number[]): number {
  return probabilities.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
}

// Log-probabilities are float16, so each is off by up to 2^-11 of itself, and there are at most 2 nats of entropy.
const tolerance = 2e-3;

describe('the entropy that halting goes by', () => {
  const [sharp, flat] = [
    [0.9, 0.06, 0.03, 0.01],
    [0.25, 0.25, 0.25, 0.25],
  ];

  it('is that of the distribution, as a mean over positions', () => {
    expect(Math.abs(entropyOf([sharp, flat], 4) - (entropy(sharp) + entropy(flat)) / 2)).toBeLessThan(tolerance);
  });

  it('counts what was not kept as one outcome', () => {
    expect(Math.abs(entropyOf([sharp], 1) - entropy([0.9, 0.1]))).toBeLessThan(tolerance);
    expect(Math.abs(entropyOf([sharp], 2) - entropy([0.9, 0.06, 0.04]))).toBeLessThan(tolerance);
    expect(Math.abs(entropyOf([flat], 1) - entropy([0.25, 0.75]))).toBeLessThan(tolerance);
  });

  it('is 0 for certainty, whatever was kept', () => {
    expect(entropyOf([[1, 0, 0, 0]], 4)).toBeCloseTo(0, 12);
    expect(entropyOf([[1, 0, 0, 0]], 2)).toBeLessThan(1e-5);
  });
});
