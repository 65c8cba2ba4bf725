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

it('sets an adapter against another token by token', async () => {
  const [model, against] = [await tinyAdapted(), await tinyAdapted({ rank: 'full' })];
  const measure = (one: typeof model, more = {}) => adaptedLoss({ tokens }, one, { seed: 1, batches: 1, ...more });
  const { evaluations, difference } = await measure(model, { against });
  const [other] = (await measure(against)).evaluations;
  expect(difference?.overall.mean).toBeCloseTo(evaluations[0].overall.mean - other.overall.mean, 5);
  // What both owe to the text and the noise is not in its interval.
  expect((await measure(model, { against: model })).difference?.overall).toEqual({ mean: 0, margin: 0 });
});

it('measures beside clean tokens, of which none counts', async () => {
  const model = await tinyAdapted();
  const measure = (cleanTokens: number) => adaptedLoss({ tokens }, model, { seed: 1, batches: 2, cleanTokens });
  const [all, beside] = [await measure(0), await measure(1)];
  expect(beside.tokens).toBeLessThan(0.9 * all.tokens);
});
