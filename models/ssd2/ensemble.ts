import { emptyEnvelope, isDense, type LogitsEnvelope, logOfMass, tailLogProbability } from './envelope.ts';
import { takeLargest } from './selection.ts';

/** Logits as they are merged: an envelope, or the float32 rows of a model at hand. */
export type Logits = Pick<LogitsEnvelope, 'positions' | 'vocabulary' | 'kept' | 'ids' | 'tailLogMass'> & {
  readonly logProbabilities: Float16Array | Float32Array;
};

/** Log-probabilities [positions, vocabulary] as they are. */
export function denseLogits(logProbabilities: Float32Array, vocabulary: number): Logits {
  const positions = logProbabilities.length / vocabulary;
  const tailLogMass = new Float16Array(positions).fill(Number.NEGATIVE_INFINITY);
  return { positions, vocabulary, kept: vocabulary, ids: new Uint16Array(0), logProbabilities, tailLogMass };
}

/** A member's answer and its coefficient; a step's coefficients sum to 1. */
export interface WeightedAnswer {
  readonly coefficient: number;
  readonly envelope: Logits;
}

/** The members' merged distribution at one position. */
export interface MergedPosition {
  /** Tokens that some member kept, ascending. */
  readonly ids: Uint32Array;
  /** Their log-probabilities, in nats, and probabilities. */
  readonly logProbabilities: Float32Array;
  readonly probabilities: Float32Array;
  /** All other tokens' log-mass; -Infinity where there are none. */
  readonly tailLogMass: number;
}

export type MergedLogits = readonly MergedPosition[];

/**
 * The ensemble of arXiv 2305.14771, section 3.3: logits = sum of coefficient_m logits_m. Where a member did not keep a
 * token that another kept, its tail's mean stands in.
 *
 * @param positions so many from the left; all when absent
 */
export function merge(answers: readonly WeightedAnswer[], positions?: number): MergedLogits {
  const [{ envelope: first }] = answers;
  for (const { envelope } of answers) {
    if (envelope.vocabulary !== first.vocabulary || envelope.positions !== first.positions) {
      throw new RangeError(
        `answers of ${first.positions} x ${first.vocabulary} and ${envelope.positions} x ${envelope.vocabulary} logits`,
      );
    }
  }
  return Array.from({ length: positions ?? first.positions }, (_, position) => mergePosition(answers, position));
}

function mergePosition(answers: readonly WeightedAnswer[], position: number): MergedPosition {
  const { vocabulary } = answers[0].envelope;
  // Each logit is taken relative to its member's tail, so that a token costs work only where it was kept.
  const tails = answers.map(({ envelope }) => (isDense(envelope) ? 0 : tailLogProbability(envelope, position)));
  const rest = answers.reduce((sum, { coefficient }, m) => sum + coefficient * tails[m], 0);
  const { sums, kept } = scratchFor(vocabulary);
  answers.forEach(({ coefficient, envelope }, m) => {
    const { kept: count, logProbabilities } = envelope;
    const dense = isDense(envelope);
    const start = position * count;
    for (let i = 0; i < count; i++) {
      const id = dense ? i : envelope.ids[start + i];
      if (kept[id] === 0) {
        kept[id] = 1;
        sums[id] = rest;
      }
      sums[id] += coefficient * (logProbabilities[start + i] - tails[m]);
    }
  });
  const ids = Uint32Array.from(indicesOf(kept));
  kept.fill(0);
  const logits = new Float32Array(ids.length);
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < ids.length; i++) {
    logits[i] = sums[ids[i]];
    if (logits[i] > max) max = logits[i];
  }
  const others = vocabulary - ids.length;
  const tail = others === 0 ? Number.NEGATIVE_INFINITY : rest + Math.log(others);
  const probabilities = new Float32Array(ids.length);
  let sum = Math.exp(tail - max);
  for (let i = 0; i < ids.length; i++) {
    probabilities[i] = Math.exp(logits[i] - max);
    sum += probabilities[i];
  }
  const normaliser = max + Math.log(sum);
  for (let i = 0; i < ids.length; i++) {
    logits[i] -= normaliser;
    probabilities[i] /= sum;
  }
  return { ids, logProbabilities: logits, probabilities, tailLogMass: tail - normaliser };
}

/** A token's log-probability at a merged position, in nats: the tail's mean where no member kept it. */
export function logProbabilityOf(
  { ids, logProbabilities, tailLogMass }: MergedPosition,
  token: number,
  vocabulary: number,
): number {
  const index = ids.indexOf(token);
  return index < 0 ? tailLogMass - Math.log(vocabulary - ids.length) : logProbabilities[index];
}

let scratch = { sums: new Float64Array(0), kept: new Uint8Array(0) };

/** Work memory a vocabulary long; `kept` is all 0. */
function scratchFor(vocabulary: number): typeof scratch {
  if (scratch.sums.length < vocabulary) {
    scratch = { sums: new Float64Array(vocabulary), kept: new Uint8Array(vocabulary) };
  }
  return scratch;
}

function indicesOf(flags: Uint8Array): number[] {
  const indices: number[] = [];
  for (let i = 0; i < flags.length; i++) if (flags[i] === 1) indices.push(i);
  return indices;
}

/** The `kept` likeliest tokens of each merged position, for the next step's self-conditioning. */
export function compressMerged(merged: MergedLogits, vocabulary: number, kept: number): LogitsEnvelope {
  const count = Math.min(kept, vocabulary, ...merged.map(({ ids }) => ids.length));
  const envelope = emptyEnvelope(merged.length, vocabulary, count);
  merged.forEach(({ ids, logProbabilities, probabilities, tailLogMass }, position) => {
    let at = position * count;
    let dropped = Math.exp(tailLogMass);
    for (let i = 0; i < ids.length; i++) dropped += probabilities[i];
    for (const i of takeLargest(logProbabilities, count)) {
      if (count < vocabulary) envelope.ids[at] = ids[i];
      envelope.logProbabilities[at++] = logProbabilities[i];
      dropped -= probabilities[i];
    }
    envelope.tailLogMass[position] = count < vocabulary ? logOfMass(dropped) : Number.NEGATIVE_INFINITY;
  });
  return envelope;
}
