import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NextToken } from '../../../models/autoregressive/next-token.ts';
import { judgeTexts, type TextSet } from '../../../models/evaluation/judged-text.ts';
import { KnownTrigrams } from '../../../models/evaluation/known-trigrams.ts';
import { rarefied } from '../../../models/evaluation/rarefaction.ts';
import { realSegments } from '../../../models/evaluation/real-segments.ts';
import { jackknife } from '../../../models/evaluation/statistics.ts';
import { autoregressiveJudge, ngramJudge, type TextJudge } from '../../../models/evaluation/text-judge.ts';
import { VerbatimCopies } from '../../../models/evaluation/verbatim-copies.ts';
import { NgramModel } from '../../../models/ngram/ngram-model.ts';
import { uniform } from '../../../models/ssd2/noise.ts';
import { Tokenizer } from '../../../models/tokenizer/tokenizer.ts';
import { autoregressiveConfig, sentences, tinyTokenizer, tinyWeights } from '../../support/tiny-fleet.ts';

async function* streamed(texts: readonly string[]): AsyncGenerator<string> {
  yield* texts;
}

describe('verbatim copies', () => {
  /** Every substring tried, longest first. */
  function plainly(text: string, documents: readonly string[]): number {
    for (let length = text.length; length > 0; length--) {
      for (let start = 0; start + length <= text.length; start++) {
        const part = text.slice(start, start + length);
        if (documents.some((document) => document.includes(part))) return length;
      }
    }
    return 0;
  }

  it('are the longest runs of characters that a document has, of each text for itself', () => {
    const copies = new VerbatimCopies(['the queue holds calls', 'a call', 'xyz', '']);
    copies.read('Then the queue held call after call.');
    copies.read('A queue that holds calls is full; xy');
    expect(copies.longest()).toEqual([' holds calls'.length, ' call'.length, 2, 0]);
  });

  it('are what trying every substring finds', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 25 });
    const other = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', '\0'), maxLength: 40 });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 5 }), fc.array(other, { maxLength: 4 }), (texts, documents) => {
        const copies = new VerbatimCopies(texts);
        for (const document of documents) copies.read(document);
        expect(copies.longest()).toEqual(texts.map((own) => plainly(own, documents)));
      }),
      { numRuns: 200 },
    );
  });

  it('are looked for in texts of a bounded size only', () => {
    const symbols = Array.from({ length: 60_000 }, (_, i) => String.fromCharCode(i)).join('');
    expect(() => new VerbatimCopies([symbols])).toThrow('60001 characters of 60001 kinds are too many');
  });
});

describe('known trigrams', () => {
  it('count by hand, whatever the case and the marks between words', () => {
    const trigrams = new KnownTrigrams(['The queue holds calls. The queue holds', 'no such words here', 'too short']);
    trigrams.read('When the queue holds: calls wait.');
    trigrams.read('calls the queue');
    // the-queue-holds twice, queue-holds-calls, calls-the-queue of 5; holds-calls-the is none.
    expect(trigrams.counts()).toEqual([
      { found: 4, total: 5 },
      { found: 0, total: 2 },
      { found: 0, total: 0 },
    ]);
  });
});

describe('diversity at a number of items', () => {
  it('is the mean over every way to draw them', () => {
    const drawings = (items: readonly string[], size: number): string[][] =>
      size === 0
        ? [[]]
        : items.flatMap((item, i) => drawings(items.slice(i + 1), size - 1).map((rest) => [item, ...rest]));
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 8 }),
        (items, wanted) => {
          const size = Math.min(items.length, wanted);
          const all = drawings(items, size);
          let [distinct, entropy] = [0, 0];
          for (const drawn of all) {
            const kinds = [...new Set(drawn)];
            distinct += kinds.length / size / all.length;
            for (const kind of kinds) {
              const share = drawn.filter((item) => item === kind).length / size;
              entropy -= (share * Math.log(share)) / all.length;
            }
          }
          const found = rarefied(items, size);
          expect(found.distinct).toBeCloseTo(distinct, 10);
          expect(found.entropy).toBeCloseTo(entropy, 10);
        },
      ),
    );
  });

  it('does not depend on how much there is to draw from, as plain counts do', () => {
    const draw = (count: number, lane: number) =>
      Array.from({ length: count }, (_, position) => {
        const u = uniform({ seed: 1, lane, block: 0, step: 0, position });
        return String(Math.floor(50 * u * u));
      });
    const [few, many] = [rarefied(draw(300, 0), 200), rarefied(draw(6000, 1), 200)];
    // Standard deviation over such draws of 200: about 0.05 nats, and 0.02 of distinct.
    expect(Math.abs(few.entropy - many.entropy)).toBeLessThan(0.15);
    expect(Math.abs(few.distinct - many.distinct)).toBeLessThan(0.05);
  });
});

describe('the jackknife', () => {
  it('of a mean is the standard error of the mean', () => {
    const values = [1, 4, 2, 8, 5, 7];
    const average = (some: readonly number[]) => some.reduce((a, b) => a + b, 0) / some.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - 4.5) ** 2, 0) / 5);
    const { mean, margin } = jackknife(values, average);
    expect(mean).toBe(4.5);
    expect(margin).toBeCloseTo((1.96 * deviation) / Math.sqrt(6), 10);
  });
});

describe('real segments', () => {
  it('are stretches of the documents, none overlapping, evenly spread', async () => {
    const document = (name: string) => Array.from({ length: 25 }, (_, i) => `${name}${i}`).join(' ');
    const all = await realSegments(streamed([document('a'), 'too short', document('b')]), {
      ...{ promptWords: 2, textWords: 8, count: 100 },
    });
    expect(all).toHaveLength(4);
    expect(all[1]).toEqual({ prompt: 'a10 a11', text: ' a12 a13 a14 a15 a16 a17 a18 a19' });
    const two = await realSegments(streamed([document('a'), document('b')]), {
      promptWords: 2,
      textWords: 8,
      count: 2,
    });
    expect(two).toEqual([all[0], all[2]]);
    const none = realSegments(streamed(['a b']), { promptWords: 2, textWords: 8, count: 2 });
    await expect(none).rejects.toThrow('no document has 10 words or more');
  });
});

describe('judges', () => {
  it('take what a model says of each token, whatever the model', async () => {
    const tokenizer = Tokenizer.parse(await tinyTokenizer());
    const sample = { prompt: 'The queue', text: ' holds messages until a worker reads them.' };
    const ids = await tokenizer.encode(sample.prompt + sample.text);
    const before = (await tokenizer.encode(sample.prompt)).length;

    const ngrams = NgramModel.train(await tokenizer.encodeBatch(sentences), { vocabulary: 300 });
    const out = new Float32Array(300);
    let nats = 0;
    for (let i = before; i < ids.length; i++) {
      ngrams.logProbabilities(ids.slice(0, i), out);
      nats -= out[ids[i]];
    }
    const cost = await ngramJudge(ngrams, tokenizer).cost(sample);
    expect(cost).toEqual({
      nats: expect.closeTo(nats, 3),
      tokens: ids.length - before,
      characters: sample.text.length,
    });

    const config = autoregressiveConfig;
    const next = new NextToken({ name: 'judge', config, tokenizer, weights: tinyWeights(config, 3) });
    const judge = autoregressiveJudge(next, tokenizer);
    const logs = await next.allLogProbabilities(ids);
    let expected = 0;
    for (let i = before; i < ids.length; i++) expected -= logs[(i - 1) * 300 + ids[i]];
    expect((await judge.cost(sample)).nats).toBeCloseTo(expected, 2);
    expect(await judge.cost({ prompt: '', text: 'The' })).toMatchObject({
      tokens: (await tokenizer.encode('The')).length,
    });
    const long = { prompt: 'The', text: sentences.join(' ').repeat(3) };
    const { tokens, characters } = await judge.cost(long);
    expect(tokens).toBe(config.positions - (await tokenizer.encode('The')).length);
    expect(characters).toBe(
      (await tokenizer.decode((await tokenizer.encode(`The${long.text}`)).slice(0, 40))).length - 3,
    );
    await next.release();
  });
});

describe('judged text', () => {
  const lane = (seed: number, step: number) => (position: number) =>
    uniform({ seed, lane: 0, block: 0, step, position });
  /** Sentences whose every second word follows from the first, of words of one length, the rarer the higher their number. */
  const chain = (seed: number, count: number, power: number, prompt = ''): TextSet['samples'] =>
    Array.from({ length: count }, (_, step) => {
      const draw = lane(seed, step);
      const pairs = Array.from({ length: 10 }, (_, i) => Math.floor(10 + 60 * draw(i) ** power));
      return { prompt, text: pairs.map((n) => `w${n} v${10 + ((7 * n) % 60)}`).join(' ') };
    });
  const salad = (seed: number, count: number, power: number): TextSet['samples'] =>
    Array.from({ length: count }, (_, step) => {
      const draw = lane(seed, step);
      const word = (i: number) => Math.floor(10 + 60 * draw(i) ** power);
      return {
        prompt: '',
        text: Array.from({ length: 10 }, (_, i) => `w${word(2 * i)} v${word(2 * i + 1)}`).join(' '),
      };
    });
  const texts = (samples: TextSet['samples']) => samples.map(({ text }) => text);
  const counts = new Map<string, number>();
  for (const word of texts(chain(9, 400, 2))
    .join(' ')
    .split(' '))
    counts.set(word, (counts.get(word) ?? 0) + 1);
  /** The chain's own cost: a first word by its frequency, a second that follows for nothing, of other sentences. */
  const judge: TextJudge = {
    async cost({ text }) {
      const words = text.split(' ');
      const nats = words.reduce((sum, word, i) => {
        const follows = i % 2 === 1 && word === `v${10 + ((7 * Number(words[i - 1].slice(1))) % 60)}`;
        return sum + (follows ? 0.1 : -Math.log(((counts.get(word) ?? 0) + 1) / 8100));
      }, 0);
      return { nats, tokens: words.length, characters: text.length };
    },
  };

  it('sets real text apart from loose words and from few words, and finds what was copied', async () => {
    const training = texts(chain(3, 300, 2));
    const sets = [
      { name: 'loose', samples: salad(4, 24, 2) },
      { name: 'same', samples: chain(5, 24, 2) },
      { name: 'few', samples: chain(6, 24, 2.6) },
      { name: 'copied', samples: training.slice(0, 24).map((text) => ({ prompt: '', text })) },
    ];
    const progress: number[] = [];
    const results = await judgeTexts(sets, chain(7, 160, 2), judge, streamed(training), (done) => progress.push(done));
    const [real, loose, same, few, copied] = results;
    expect(results.map(({ name }) => name)).toEqual(['real text', 'loose', 'same', 'few', 'copied']);
    expect(progress.at(-1)).toBe(256);
    for (const result of results) {
      const { value, interval } = result.natsPerCharacter;
      expect(interval[0]).toBeLessThan(value);
      expect(interval[1]).toBeGreaterThan(value);
      expect(result).toMatchObject({ words: 20 });
    }
    // Half of the words of loose text cost as much as the others, where they would follow for a tenth.
    expect(loose.natsPerCharacter.interval[0]).toBeGreaterThan(1.5 * real.natsPerCharacter.interval[1]);
    expect(loose.knownTrigrams.interval[1]).toBeLessThan(real.knownTrigrams.interval[0]);
    expect(loose.distinct2.mean).toBeGreaterThan(real.distinct2.mean + real.distinct2.margin);

    // The same source: all within the intervals of both, and real text of its entropy costs as much.
    expect(Math.abs(same.natsPerCharacter.value / real.natsPerCharacter.value - 1)).toBeLessThan(0.06);
    expect(Math.abs(same.natsPerCharacter.value / (same.realAtThisEntropy ?? 0) - 1)).toBeLessThan(0.1);
    expect(Math.abs(same.unigramEntropy.mean - real.unigramEntropy.mean)).toBeLessThan(0.1);

    // Commoner words alone make text cheap; beside real text of common words it is not.
    expect(few.natsPerCharacter.value).toBeLessThan(0.95 * real.natsPerCharacter.value);
    expect(few.unigramEntropy.mean).toBeLessThan(real.unigramEntropy.mean - real.unigramEntropy.margin);
    expect(few.realAtThisEntropy ?? 0).toBeLessThan(real.natsPerCharacter.value);
    expect(Math.abs(few.natsPerCharacter.value / (few.realAtThisEntropy ?? 0) - 1)).toBeLessThan(0.1);

    expect(copied.knownTrigrams.value).toBe(1);
    const lengths = training.slice(0, 24).map(({ length }) => length);
    expect(copied.longestCopy.most).toBe(Math.max(...lengths));
    expect(copied.longestCopy.value).toBeCloseTo(lengths.reduce((a, b) => a + b) / 24, 10);
    expect(real.longestCopy.value).toBeLessThan(0.5 * copied.longestCopy.value);
  });

  it('has no mark where no real text has so few words, and needs samples', async () => {
    const again = Array.from({ length: 10 }, () => ({ prompt: '', text: 'w11 v27 '.repeat(10).trim() }));
    const real = chain(7, 60, 2);
    const [, result] = await judgeTexts([{ name: 'again', samples: again }], real, judge, streamed([]));
    expect(result).toMatchObject({ realAtThisEntropy: null, unigramEntropy: { mean: expect.closeTo(Math.LN2, 1) } });
    const alone = judgeTexts(
      [{ name: 'alone', samples: [...again.slice(0, 1), { prompt: '', text: '--' }] }],
      real,
      judge,
      streamed([]),
    );
    await expect(alone).rejects.toThrow('alone: 1 samples with words in them, expected 2 or more');
  });
});
