import { type CountedNgrams, countNgrams } from './counted-ngrams.ts';
import { estimateShares, type Kept, type Shares, unigrams, worths } from './kneser-ney.ts';
import { fileBytes, type NgramLevel, type NgramTrie } from './ngram-file.ts';

export interface TrieOptions {
  readonly order: number;
  readonly vocabulary: number;
  readonly maxBytes: number;
  /** [vocabulary], sums to 1. */
  readonly prior: Float64Array;
}

/** Counts, keeps the n-grams that are worth most of those that fit into `maxBytes`, and estimates from what is kept. */
export function trainTrie(
  documents: Iterable<ArrayLike<number>>,
  { order, vocabulary, maxBytes, prior }: TrieOptions,
): NgramTrie {
  const levels = countNgrams(documents, order, vocabulary);
  const everything = levels.map(({ words }) => new Uint8Array(words.length).fill(1));
  let shares = estimateShares(levels);
  let unigram = unigrams(levels[0], shares[0], prior);
  if (keptBytes(levels, vocabulary, everything, 0) <= maxBytes) {
    return { unigram, levels: compacted(levels, shares, vocabulary, everything) };
  }
  const worth = worths(levels, shares, unigram);
  const least = leastWorth(worth, maxBytes, (some) => keptBytes(levels, vocabulary, worth, some));
  const kept = worth.map((own) => keptAbove(own, least));
  shares = estimateShares(levels, kept);
  unigram = unigrams(levels[0], shares[0], prior);
  return { unigram, levels: compacted(levels, shares, vocabulary, kept) };
}

function keptAbove(worth: Float32Array, least: number): Uint8Array {
  const kept = new Uint8Array(worth.length);
  for (let entry = 0; entry < kept.length; entry++) if (worth[entry] > least) kept[entry] = 1;
  return kept;
}

/** The size of the file of those entries that are worth more than `least`. */
function keptBytes(
  levels: readonly CountedNgrams[],
  vocabulary: number,
  worth: readonly (Float32Array | Uint8Array)[],
  least: number,
): number {
  let entriesBelow = vocabulary;
  const sizes = levels.slice(1).map(({ histories }, i) => {
    const own = worth[i + 1];
    const followers = new Uint32Array(levels[i].words.length);
    let [entries, mostFollowers] = [0, 0];
    for (let entry = 0; entry < histories.length; entry++) {
      if (!(own[entry] > least)) continue;
      entries++;
      const count = ++followers[histories[entry]];
      if (count > mostFollowers) mostFollowers = count;
    }
    const size = { entries, entriesBelow, mostFollowers };
    entriesBelow = entries;
    return size;
  });
  return fileBytes(vocabulary, sizes);
}

/** The smallest worth such that the entries worth more fit. */
function leastWorth(worth: readonly Float32Array[], maxBytes: number, bytes: (least: number) => number): number {
  const ascending = new Float32Array(worth.slice(1).reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const some of worth.slice(1)) {
    ascending.set(some, at);
    at += some.length;
  }
  ascending.sort();
  let [low, high] = [0, ascending.length - 1];
  const smallest = bytes(Number.POSITIVE_INFINITY);
  if (smallest > maxBytes) throw new RangeError(`maxBytes is ${maxBytes}: the single tokens alone take ${smallest}`);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bytes(ascending[middle]) <= maxBytes) high = middle;
    else low = middle + 1;
  }
  return ascending[high];
}

function compacted(levels: readonly CountedNgrams[], shares: Shares, vocabulary: number, kept: Kept): NgramLevel[] {
  // Where an entry of the order below lies among those kept; at order 1 its token.
  let places = levels[0].words;
  let entriesBelow = vocabulary;
  return levels.slice(1).map(({ words, histories }, i) => {
    const flags = kept[i + 1];
    const next = new Uint32Array(words.length);
    const starts = new Uint32Array(entriesBelow + 1);
    let entries = 0;
    for (let entry = 0; entry < words.length; entry++) {
      if (!flags[entry]) continue;
      next[entry] = entries++;
      starts[places[histories[entry]] + 1]++;
    }
    for (let history = 0; history < entriesBelow; history++) starts[history + 1] += starts[history];
    const keeps = (_: number, entry: number) => flags[entry] === 1;
    places = next;
    entriesBelow = entries;
    return { words: words.filter(keeps), shares: shares[i + 1].filter(keeps), starts };
  });
}
