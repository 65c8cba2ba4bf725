import { describe, expect, it } from 'vitest';
import { NextToken } from '../../../models/autoregressive/next-token.ts';
import { sampleTokens } from '../../../models/autoregressive/sample.ts';
import { Tokenizer } from '../../../models/tokenizer/tokenizer.ts';
import { autoregressiveConfig, tinyTokenizer, tinyWeights } from '../../support/tiny-fleet.ts';

async function model(seed: number) {
  const tokenizer = Tokenizer.parse(await tinyTokenizer());
  const weights = tinyWeights(autoregressiveConfig, seed);
  return new NextToken({ name: `ar-${seed}`, config: autoregressiveConfig, tokenizer, weights });
}
const text = Array.from({ length: 12 }, (_, i) => (i * 37 + 11) % 300);

describe('an autoregressive model', () => {
  it('charges for each token what it expected of it, whatever comes after and beside', async () => {
    const next = await model(1);
    const losses = await next.losses(text);
    expect(losses).toHaveLength(text.length - 1);
    for (const length of [1, 5, 11]) {
      const [alone] = await next.nextLogProbabilities([text.slice(0, length)]);
      const [, beside] = await next.nextLogProbabilities([text, text.slice(0, length)]);
      // Sums of other shapes round differently: some ulps of numbers near 10.
      expect(alone[text[length]]).toBeCloseTo(-losses[length - 1], 3);
      expect(beside[text[length]]).toBeCloseTo(-losses[length - 1], 3);
      expect(alone.reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 4);
    }
    await next.release();
  });

  it('refuses more tokens than it has positions', async () => {
    const next = await model(1);
    await expect(next.losses(new Array(41).fill(1))).rejects.toThrow('41 tokens, the model takes 40');
  });
});

describe('sampling', () => {
  const options = { tokens: 6, topP: 0.9, seed: 5 };

  it('gives the same text for a seed, and others for others', async () => {
    const members = [{ model: await model(1), coefficient: 1 }];
    const [first] = await sampleTokens(members, [text], options);
    expect((await sampleTokens(members, [text], options))[0]).toEqual(first);
    expect((await sampleTokens(members, [text], { ...options, seed: 6 }))[0]).not.toEqual(first);
  });

  it('with collaboration follows the product of the members, weighted', async () => {
    const [one, two] = [await model(1), await model(2)];
    const weighted = (a: number, b: number) => [
      { model: one, coefficient: a },
      { model: two, coefficient: b },
    ];
    const greedy = { ...options, topP: 1e-6, tokens: 1 };
    const [[token]] = await sampleTokens(weighted(0.4, 0.6), [text], greedy);
    const [[a], [b]] = [await one.nextLogProbabilities([text]), await two.nextLogProbabilities([text])];
    const sums = Array.from(a, (value, i) => 0.4 * value + 0.6 * b[i]);
    expect(token).toBe(sums.indexOf(Math.max(...sums)));
    const alone = await sampleTokens([{ model: one, coefficient: 1 }], [text], options);
    expect(await sampleTokens(weighted(1, 0), [text], options)).toEqual(alone);
  });
});
