import type { CountedNgrams } from './counted-ngrams.ts';

/**
 * Interpolated modified Kneser-Ney (Chen and Goodman, 1998): p(w | h) = share(w | h) + gamma(h) p(w | h'), h' being h
 * without its first token and gamma(h) what the shares of h leave of 1. One array an order, [entries] each.
 */
export type Shares = readonly Float32Array[];

/** Which entries of each order a model keeps; an entry's history is kept with it. */
export type Kept = readonly Uint8Array[];

/**
 * The counts that the orders are estimated from: the highest order's own; below, an n-gram counts once for every token
 * that it follows, the start of a document among them. An n-gram that is not kept gives what it had to the order below, which
 * stands in for it (revised Kneser pruning: Siivola, Hirsimaki and Virpioja, 2007).
 */
function estimationCounts(levels: readonly CountedNgrams[], kept?: Kept): Float64Array[] {
  const counts = levels.map(({ counts, initial }, n) => Float64Array.from(n === levels.length - 1 ? counts : initial));
  for (let n = levels.length - 1; n > 0; n--) {
    const { suffixes } = levels[n];
    for (let i = 0; i < suffixes.length; i++) {
      counts[n - 1][suffixes[i]] += kept && !kept[n][i] ? counts[n][i] : 1;
    }
  }
  return counts;
}

/** Every history must leave something to the order below, whatever its text. */
const leastDiscount = 0.01;

/** What is taken off counts of 1, 2, and 3 or more; half of each where the text is too small to tell. */
function discounts(counts: Float64Array): readonly [number, number, number] {
  const of = [0, 0, 0, 0, 0];
  for (const count of counts) if (count <= 4) of[count]++;
  const y = of[1] / (of[1] + 2 * of[2]);
  return [1, 2, 3].map((count) => {
    const discount = count - ((count + 1) * y * of[count + 1]) / of[count];
    return discount > leastDiscount && discount < count ? discount : count / 2;
  }) as [number, number, number];
}

export function estimateShares(levels: readonly CountedNgrams[], kept?: Kept): Shares {
  const counts = estimationCounts(levels, kept);
  return levels.map(({ histories }, n) => {
    const own = counts[n];
    const taken = discounts(own);
    const totals = new Float64Array(n === 0 ? 1 : levels[n - 1].words.length);
    for (let i = 0; i < own.length; i++) totals[histories[i]] += own[i];
    const shares = new Float32Array(own.length);
    for (let i = 0; i < own.length; i++) {
      if (!kept || kept[n][i]) shares[i] = truncated((own[i] - taken[Math.min(own[i], 3) - 1]) / totals[histories[i]]);
    }
    return shares;
  });
}

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

/** The next bfloat16 towards 0: as it is stored. The shares of a history never pass 1 by rounding. */
function truncated(share: number): number {
  float[0] = share;
  if (float[0] > share) bits[0]--;
  bits[0] &= 0xffff0000;
  return float[0];
}

/** What the shares of each entry's followers leave of 1, [entries of the order below]. */
function remainders({ histories }: CountedNgrams, shares: Float32Array, entriesBelow: number): Float64Array {
  const rest = new Float64Array(entriesBelow).fill(1);
  for (let i = 0; i < shares.length; i++) rest[histories[i]] -= shares[i];
  return rest;
}

/**
 * p over the vocabulary at order 1: the tokens' shares, and a prior for what they leave.
 *
 * @param prior probabilities, [vocabulary]
 */
export function unigrams({ words }: CountedNgrams, shares: Float32Array, prior: Float64Array): Float32Array {
  let rest = 1;
  for (const share of shares) rest -= share;
  const probabilities = Float32Array.from(prior, (probability) => rest * probability);
  for (let i = 0; i < words.length; i++) probabilities[words[i]] += shares[i];
  return probabilities;
}

/**
 * What each n-gram above order 1 is worth: its expected occurrences times the nats that one costs more without it, or the
 * worth of the most worthy that it is the history of. [entries] an order; Infinity at order 1, which is kept whole.
 */
export function worths(levels: readonly CountedNgrams[], shares: Shares, unigram: Float32Array): Float32Array[] {
  const counts = estimationCounts(levels);
  let below = Float64Array.from(levels[0].words, (word) => unigram[word]);
  const own = levels.map((level, n) => {
    if (n === 0) return new Float32Array(level.words.length).fill(Number.POSITIVE_INFINITY);
    const { histories, suffixes } = level;
    const taken = discounts(counts[n]);
    const rest = remainders(level, shares[n], levels[n - 1].words.length);
    const probabilities = new Float64Array(histories.length);
    const worth = new Float32Array(histories.length);
    for (let i = 0; i < histories.length; i++) {
      const gamma = rest[histories[i]];
      const lower = below[suffixes[i]];
      probabilities[i] = shares[n][i] + gamma * lower;
      const expected = counts[n][i] - taken[Math.min(counts[n][i], 3) - 1];
      worth[i] = expected * Math.log(probabilities[i] / ((gamma + shares[n][i]) * lower));
    }
    below = probabilities;
    return worth;
  });
  for (let n = levels.length - 1; n > 1; n--) {
    const { histories } = levels[n];
    for (let i = 0; i < histories.length; i++) {
      own[n - 1][histories[i]] = Math.max(own[n - 1][histories[i]], own[n][i]);
    }
  }
  return own;
}
