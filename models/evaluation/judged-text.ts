import { KnownTrigrams } from './known-trigrams.ts';
import { rarefied } from './rarefaction.ts';
import { bootstrapIntervals, type Estimate, jackknife } from './statistics.ts';
import type { Sample, TextCost, TextJudge } from './text-judge.ts';
import { wordsOf } from './text-metrics.ts';
import { VerbatimCopies } from './verbatim-copies.ts';

/** Samples that are measured together, such as a model's at one quality. */
export interface TextSet {
  readonly name: string;
  readonly samples: readonly Sample[];
}

/** A ratio of sums over samples and its 95 % interval by resampling them. */
export interface Ratio {
  readonly value: number;
  readonly interval: readonly [number, number];
}

export interface JudgedText {
  readonly name: string;
  readonly samples: number;
  /** Mean words a sample. */
  readonly words: number;
  /** What a character costs the judge. */
  readonly natsPerCharacter: Ratio;
  /** Of the words' frequencies, in nats a word, at the same number of words in every set. */
  readonly unigramEntropy: Estimate;
  /** What a character of real text of this unigram entropy costs the judge; null where no real text has it. */
  readonly realAtThisEntropy: number | null;
  /** Different pairs of words per pair, at the same number of pairs in every set. */
  readonly distinct2: Estimate;
  /** Share of word trigrams that the training text has. */
  readonly knownTrigrams: Ratio;
  /** Characters in a row that the training text has: the mean over samples, and the most. */
  readonly longestCopy: Ratio & { readonly most: number };
}

/** What is known of a sample. */
interface Measured extends TextCost {
  readonly words: readonly string[];
  readonly pairs: readonly string[];
  readonly found: number;
  readonly trigrams: number;
  readonly copied: number;
}

/**
 * Measures sets of samples beside real text, which comes first in the answer.
 *
 * @param real segments of held-out documents in the shape of the samples
 * @param training the documents that the samples' writer learnt from; they pass by once
 * @throws RangeError when a set has fewer than two samples with words
 */
export async function judgeTexts(
  sets: readonly TextSet[],
  real: readonly Sample[],
  judge: TextJudge,
  training: AsyncIterable<string>,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<JudgedText[]> {
  const all = [{ name: 'real text', samples: real }, ...sets].map(({ name, samples }) => {
    const written = samples.filter(({ text }) => wordsOf(text).length > 0);
    if (written.length < 2)
      throw new RangeError(`${name}: ${written.length} samples with words in them, expected 2 or more`);
    return { name, samples: written };
  });
  const samples = all.flatMap((set) => set.samples);
  const texts = samples.map(({ text }) => text);
  const [copies, trigrams] = [new VerbatimCopies(texts), new KnownTrigrams(texts)];
  for await (const document of training) {
    copies.read(document);
    trigrams.read(document);
  }
  const [longest, counts] = [copies.longest(), trigrams.counts()];
  const measured: Measured[] = [];
  for (const [i, sample] of samples.entries()) {
    const words = wordsOf(sample.text);
    const pairs = words.slice(1).map((word, before) => `${words[before]} ${word}`);
    const { found, total } = counts[i];
    measured.push({ ...(await judge.cost(sample)), words, pairs, found, trigrams: total, copied: longest[i] });
    onProgress(measured.length, samples.length);
  }
  const ends = all.map((_, i) => all.slice(0, i + 1).reduce((sum, set) => sum + set.samples.length, 0));
  const groups = all.map(({ name, samples: own }, i) => ({
    name,
    samples: measured.slice(ends[i] - own.length, ends[i]),
  }));
  return compared(groups);
}

function compared(groups: readonly { readonly name: string; readonly samples: readonly Measured[] }[]): JudgedText[] {
  const words = commonSize(groups.map((group) => group.samples.map((sample) => sample.words)));
  const pairs = commonSize(groups.map((group) => group.samples.map((sample) => sample.pairs)));
  const entropy = (some: readonly Measured[]) =>
    rarefied(
      some.flatMap((sample) => sample.words),
      words,
    ).entropy;
  const curve = entropyCurve(groups[0].samples, words, entropy);
  return groups.map(({ name, samples }) => {
    const unigramEntropy = jackknife(samples, entropy);
    const [nats, known, copied] = ratios(samples, [
      natsPerCharacter,
      (some) => total(some, 'found') / total(some, 'trigrams'),
      (some) => total(some, 'copied') / some.length,
    ]);
    return {
      name,
      samples: samples.length,
      words: mean(samples.map((sample) => sample.words.length)),
      natsPerCharacter: nats,
      unigramEntropy,
      realAtThisEntropy: interpolated(curve, unigramEntropy.mean),
      distinct2: jackknife(
        samples,
        (some) =>
          rarefied(
            some.flatMap((sample) => sample.pairs),
            pairs,
          ).distinct,
      ),
      knownTrigrams: known,
      longestCopy: { ...copied, most: samples.reduce((most, sample) => Math.max(most, sample.copied), 0) },
    };
  });
}

function ratios(samples: readonly Measured[], statistics: readonly ((some: readonly Measured[]) => number)[]): Ratio[] {
  const intervals = bootstrapIntervals(samples, statistics);
  return statistics.map((statistic, i) => ({ value: statistic(samples), interval: intervals[i] }));
}

function total(samples: readonly Measured[], what: 'nats' | 'characters' | 'found' | 'trigrams' | 'copied'): number {
  return samples.reduce((sum, sample) => sum + sample[what], 0);
}

function natsPerCharacter(samples: readonly Measured[]): number {
  return total(samples, 'nats') / total(samples, 'characters');
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** As many items as every set still has when any one of its samples is left out. */
function commonSize(sets: readonly (readonly (readonly string[])[])[]): number {
  return Math.min(
    ...sets.map((samples) => {
      const lengths = samples.map(({ length }) => length);
      return lengths.reduce((a, b) => a + b, 0) - lengths.reduce((a, b) => Math.max(a, b), 0);
    }),
  );
}

const windows = 24;

/** Nats a character over unigram entropy of real text: of windows over its segments in the order of how common their words are. */
function entropyCurve(
  segments: readonly Measured[],
  words: number,
  entropy: (some: readonly Measured[]) => number,
): { readonly entropy: number; readonly nats: number }[] {
  const counts = new Map<string, number>();
  for (const segment of segments) for (const word of segment.words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const rarity = new Map(
    segments.map((segment) => [segment, -mean(segment.words.map((word) => Math.log(counts.get(word) ?? 0)))]),
  );
  const sorted = segments.toSorted((a, b) => (rarity.get(a) ?? 0) - (rarity.get(b) ?? 0));
  const windowFrom = (start: number) => {
    let [end, length] = [start, 0];
    while (end < sorted.length && length < words) length += sorted[end++].words.length;
    return length < words ? undefined : sorted.slice(start, end);
  };
  const points: { entropy: number; nats: number }[] = [];
  for (let i = 0; i < windows; i++) {
    const window = windowFrom(Math.floor((i * sorted.length) / windows));
    if (!window) break;
    points.push({ entropy: entropy(window), nats: natsPerCharacter(window) });
  }
  return points.sort((a, b) => a.entropy - b.entropy);
}

function interpolated(
  curve: readonly { readonly entropy: number; readonly nats: number }[],
  entropy: number,
): number | null {
  const above = curve.findIndex((point) => point.entropy >= entropy);
  if (above < 1) return above === 0 && curve[0].entropy === entropy ? curve[0].nats : null;
  const [low, high] = [curve[above - 1], curve[above]];
  return low.nats + ((entropy - low.entropy) / (high.entropy - low.entropy)) * (high.nats - low.nats);
}
