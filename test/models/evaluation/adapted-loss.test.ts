import { expect, it } from 'vitest';
import { adaptedLoss } from '../../../models/evaluation/adapted-loss.ts';
import { tinyAdapted } from '../../support/tiny-base.ts';

const tokens = Uint16Array.from({ length: 2000 }, (_, i) => (i * i * 31 + 7) % 300);

it('measures a seed the same each time, beside what each position says of itself', async () => {
  const model = await tinyAdapted();
  const measure = (seed: number) => adaptedLoss({ tokens }, model, { seed, batches: 1 });
  const [once, again, other] = [await measure(1), await measure(1), await measure(2)];
  expect(again).toEqual(once);
  expect(other.evaluations[0].overall.mean).not.toBe(once.evaluations[0].overall.mean);
  // Four sequences of eight blocks of five, less what no noise hides.
  expect(once.tokens).toBeGreaterThan(100);
  expect(once.tokens).toBeLessThanOrEqual(160);
  // Random numbers on random tokens: no better than Bayes, and where the noise hides next to nothing about as good.
  const [network, alone] = [once.evaluations[0], once.ownPosterior];
  expect(network.overall.mean).toBeGreaterThan(alone?.overall.mean ?? 0);
  expect(network.byRange[0].mean).toBeCloseTo(alone?.byRange[0].mean ?? 1, 1);
});
