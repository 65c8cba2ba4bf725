import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NgramModel } from '../../../models/ngram/ngram-model.ts';
import { uniform } from '../../../models/ssd2/noise.ts';
import { referenceKneserNey } from './reference-kneser-ney.ts';

function distribution(model: NgramModel, context: readonly number[]): Float32Array {
  const out = new Float32Array(model.vocabulary);
  model.logProbabilities(context, out);
  return out;
}

const mean = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length;
const sum = (logs: Float32Array) => logs.reduce((a, log) => a + Math.exp(log), 0);

/** Documents of a source whose next word depends on the last two: each pair has four followers, one likelier than the next. */
function markovDocuments(count: number, length: number, seed: number): { documents: number[][]; entropy: number } {
  const words = 30;
  const shares = [0.55, 0.25, 0.15, 0.05];
  const documents = Array.from({ length: count }, (_, lane) => {
    const text = [lane % words, (lane * 7) % words];
    for (let position = 2; position < length; position++) {
      let draw = uniform({ seed, lane, block: 0, step: 0, position });
      const rank = shares.findIndex((share) => {
        draw -= share;
        return draw < 0;
      });
      const [a, b] = text.slice(-2);
      text.push((a * 17 + b * 5 + rank * rank * 3 + rank) % words);
    }
    return text;
  });
  return { documents, entropy: -shares.reduce((total, share) => total + share * Math.log(share), 0) };
}

const small = fc.record({
  vocabulary: fc.constant(6),
  order: fc.integer({ min: 1, max: 5 }),
  documents: fc.array(fc.array(fc.nat(5), { maxLength: 40 }), { maxLength: 8 }),
  context: fc.array(fc.nat(5), { maxLength: 7 }),
});

describe('an n-gram model', () => {
  it('gives the probabilities that a hand computes', () => {
    // Bigrams of 0 1 0 1 0 2: "0 1" twice, "1 0" twice, "0 2" once, so 1 of count 1 and 2 of count 2: discounts .2 and, for
    // want of higher counts, 1. Before 0 stood 1 and the start, before 1 and 2 only 0: continuation counts 2, 1, 1, discounts
    // .5 and 1, so shares 1/4, 1/8, 1/8 and the other half evenly over the three tokens.
    const model = NgramModel.train([[0, 1, 0, 1, 0, 2]], { order: 2, vocabulary: 3 });
    const unigram = [1 / 4 + 1 / 6, 1 / 8 + 1 / 6, 1 / 8 + 1 / 6];
    const after0 = [0.4 * unigram[0], 1 / 3 + 0.4 * unigram[1], 0.8 / 3 + 0.4 * unigram[2]];
    const after1 = [1 / 2 + 0.5 * unigram[0], 0.5 * unigram[1], 0.5 * unigram[2]];
    // A share is stored with 8 bits of mantissa.
    for (const [context, expected] of [
      [[], unigram],
      [[2], unigram],
      [[0], after0],
      [[2, 1], after1],
    ] as const) {
      distribution(model, context).forEach((log, token) => {
        expect(Math.exp(log)).toBeCloseTo(expected[token], 2);
      });
    }
  });

  it('agrees with the equations of modified Kneser-Ney at every order, context and token', () => {
    const { documents } = markovDocuments(6, 120, 3);
    const texts = documents.map((document) => document.map((word) => word % 8));
    for (const order of [1, 2, 3, 4, 5]) {
      const model = NgramModel.train(texts, { order, vocabulary: 9 });
      const reference = referenceKneserNey(texts, order, 9);
      for (const context of [[], [8], [3, 8, 1], ...texts.map((text) => text.slice(30, 36)), texts[0].slice(0, 2)]) {
        distribution(model, context).forEach((log, token) => {
          // Float32 sums.
          expect(Math.exp(log)).toBeCloseTo(reference(context, token), 6);
        });
      }
    }
  });

  it('is a distribution after any documents and any context, the same as token by token, and the same every time', () => {
    fc.assert(
      fc.property(small, ({ documents, context, ...options }) => {
        const model = NgramModel.train(documents, options);
        const logs = distribution(model, context);
        expect(sum(logs)).toBeCloseTo(1, 5);
        for (let token = 0; token < options.vocabulary; token++) {
          expect(model.losses([...context, token], context.length)[0]).toBeCloseTo(-logs[token], 5);
        }
        expect(distribution(model, context)).toEqual(logs);
        expect(NgramModel.train(documents, options).encode()).toEqual(model.encode());
      }),
    );
  });

  it('agrees with the equations on any documents', () => {
    fc.assert(
      fc.property(small, ({ documents, context, order, vocabulary }) => {
        const logs = distribution(NgramModel.train(documents, { order, vocabulary }), context);
        const reference = referenceKneserNey(documents, order, vocabulary);
        logs.forEach((log, token) => {
          expect(Math.exp(log)).toBeCloseTo(reference(context, token), 5);
        });
      }),
    );
  });

  it('costs held-out text less the higher its order, and comes near the entropy of the source', () => {
    const { documents, entropy } = markovDocuments(60, 600, 1);
    const heldOut = markovDocuments(10, 300, 2).documents;
    const loss = (order: number) => {
      const model = NgramModel.train(documents, { order, vocabulary: 30 });
      return heldOut.reduce((total, text) => total + mean(model.losses(text, 2)), 0) / heldOut.length;
    };
    const [one, two, three, five] = [1, 2, 3, 5].map(loss);
    expect(two).toBeLessThan(one);
    expect(three).toBeLessThan(two - 0.5);
    // 3,600 followers of pairs are learnt from 36,000 tokens.
    expect(three).toBeLessThan(entropy + 0.15);
    expect(five).toBeLessThan(two - 0.5);
    expect(three).toBeGreaterThan(entropy - 0.05);
  });

  it('leaves the mass of what was not seen to the prior, the more the fewer the documents', () => {
    const prior = [0.7, 0.1, 0.1, 0.05, 0.05];
    const unseen = (documents: number[][]) =>
      Math.exp(distribution(NgramModel.train(documents, { vocabulary: 5, prior }), [])[0]);
    const none = distribution(NgramModel.train([], { vocabulary: 5, prior }), [1, 2]);
    none.forEach((log, token) => {
      expect(Math.exp(log)).toBeCloseTo(prior[token], 6);
    });
    const few = unseen([[1, 2, 3, 4]]);
    const more = unseen([[1, 2, 3, 4, 2, 1, 3, 1, 4, 3, 2, 4, 1]]);
    expect(few).toBeGreaterThan(more);
    expect(more).toBeGreaterThan(0);
  });

  it('does not learn across the end of a document', () => {
    const model = NgramModel.train(
      [
        [0, 1],
        [2, 0],
      ],
      { order: 2, vocabulary: 4 },
    );
    expect(distribution(model, [1])).toEqual(distribution(model, []));
  });

  it('keeps to its size, whatever it is, and what it keeps is worth more than a lower order', () => {
    const { documents } = markovDocuments(40, 400, 1);
    const heldOut = markovDocuments(10, 300, 2).documents;
    const of = (order: number, maxBytes?: number) => {
      const model = NgramModel.train(documents, { order, vocabulary: 30, ...(maxBytes ? { maxBytes } : {}) });
      return {
        model,
        bytes: model.encode().length,
        loss: mean(Float32Array.from(heldOut, (t) => mean(model.losses(t)))),
      };
    };
    const [two, three] = [of(2), of(3)];
    for (const share of [0.3, 0.5, 0.8]) {
      const maxBytes = Math.round(share * three.bytes);
      const pruned = of(3, maxBytes);
      expect(pruned.bytes).toBeLessThanOrEqual(maxBytes);
      expect(pruned.bytes).toBeGreaterThan(0.8 * maxBytes);
      expect(sum(distribution(pruned.model, heldOut[0]))).toBeCloseTo(1, 5);
      if (pruned.bytes > two.bytes) expect(pruned.loss).toBeLessThan(two.loss);
    }
    expect(of(3, 0.8 * three.bytes).loss).toBeLessThan(of(3, 0.5 * three.bytes).loss);
  });

  it('is a distribution at any size that it can have', () => {
    const { documents } = markovDocuments(3, 150, 5);
    const whole = NgramModel.train(documents, { vocabulary: 30 }).encode().length;
    const least = NgramModel.train([], { vocabulary: 30 }).encode().length + 30;
    fc.assert(
      fc.property(
        fc.integer({ min: least, max: whole }),
        fc.array(fc.nat(29), { maxLength: 5 }),
        (maxBytes, context) => {
          const model = NgramModel.train(documents, { vocabulary: 30, maxBytes });
          expect(model.encode().length).toBeLessThanOrEqual(maxBytes);
          expect(sum(distribution(model, context))).toBeCloseTo(1, 5);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('takes token ids above 16 bits', () => {
    const model = NgramModel.train([[99_000, 7, 99_000, 8]], { order: 3, vocabulary: 100_000 });
    const again = NgramModel.decode(model.encode());
    expect(distribution(again, [7])[99_000]).toBeGreaterThan(Math.log(0.2));
    expect(distribution(again, [7])).toEqual(distribution(model, [7]));
  });

  it.each([
    [{ vocabulary: 0 }, 'vocabulary is 0, expected a whole number from 1'],
    [{ vocabulary: 5, order: 9 }, 'order is 9, expected a whole number from 1 to 8'],
    [{ vocabulary: 5, order: 1.5 }, 'order is 1.5'],
    [{ vocabulary: 3 }, 'token 3 is none of a vocabulary of 3'],
    [{ vocabulary: 5, maxBytes: 50 }, 'maxBytes is 50: the single tokens alone take'],
    [{ vocabulary: 5, prior: [1] }, 'the prior has 1 of 5 probabilities'],
    [{ vocabulary: 5, prior: [1, 0, 0, 0, 0] }, 'the prior must be positive and sum to 1'],
  ])('%j is refused', (options, message) => {
    expect(() => NgramModel.train([[0, 1, 2, 3]], options)).toThrow(message);
  });

  it('refuses a context outside the vocabulary, and an array of another size', () => {
    const model = NgramModel.train([[0, 1, 2]], { vocabulary: 3 });
    for (const token of [3, -1, 0.5, Number.NaN]) {
      expect(() => distribution(model, [token])).toThrow(`token ${token} is none of a vocabulary of 3`);
      expect(() => model.losses([0, token])).toThrow(RangeError);
    }
    expect(() => model.logProbabilities([], new Float32Array(2))).toThrow('out has 2 of 3 places');
  });
});

describe("an n-gram model's file", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slingshot-ngram-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('gives the same model back', async () => {
    const { documents } = markovDocuments(5, 200, 1);
    const model = NgramModel.train(documents, { vocabulary: 30 });
    const path = join(folder, 'model.ngrams');
    await model.save(path);
    const again = await NgramModel.load(path);
    expect(again.order).toBe(5);
    expect(again.encode()).toEqual(model.encode());
    for (const text of documents) expect(again.losses(text)).toEqual(model.losses(text));
  });

  it('names itself and the fault', async () => {
    const path = join(folder, 'other.ngrams');
    await writeFile(path, 'version https://git-lfs.github.com/spec/v1'.padEnd(100));
    await expect(NgramModel.load(path)).rejects.toThrow(`${path} is no intact n-gram model: it does not begin as`);
    await expect(NgramModel.load(join(folder, 'none'))).rejects.toThrow(/none cannot be read: ENOENT/);
  });
});
