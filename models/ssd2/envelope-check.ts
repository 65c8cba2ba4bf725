import { isDense, type LogitsEnvelope } from './envelope.ts';

/** What an envelope must be; `kept` where it was asked for, else any. */
export interface EnvelopeShape {
  readonly positions: number;
  readonly vocabulary: number;
  readonly kept?: number;
}

/**
 * How far above 0 a log-probability may lie. A logarithm of a softmax is a logit less the logarithm of a sum over the
 * vocabulary: in float32 their rounding leaves at most about 1e-4 of logits up to 1,000, and half precision, which rounds
 * to nearest, keeps the sign.
 */
const aboveZero = 1e-3;

/**
 * Whether bytes from elsewhere are log-probabilities of the shape that was asked for: ids ascending and in the vocabulary,
 * log-probabilities and tails finite and at most 0, a tail of -Infinity only where nothing is left for it.
 *
 * @throws RangeError saying which position is wrong, and how
 */
export function checkEnvelope(envelope: LogitsEnvelope, { positions, vocabulary, kept }: EnvelopeShape): void {
  if (envelope.positions !== positions || envelope.vocabulary !== vocabulary) {
    throw new RangeError(
      `${envelope.positions} x ${envelope.vocabulary} logits, expected ${positions} x ${vocabulary}`,
    );
  }
  if (envelope.kept < 1 || envelope.kept > vocabulary || (kept !== undefined && envelope.kept !== kept)) {
    throw new RangeError(`${envelope.kept} logits a position, expected ${kept ?? `1 to ${vocabulary}`}`);
  }
  const dense = isDense(envelope);
  for (let position = 0; position < positions; position++) {
    if (!dense) checkIds(envelope, position);
    for (let i = position * envelope.kept; i < (position + 1) * envelope.kept; i++) {
      checkLogProbability(envelope.logProbabilities[i], 'log-probability', position);
    }
    const tail = envelope.tailLogMass[position];
    if (!dense) checkLogProbability(tail, "tail's log-mass", position);
    else if (tail !== Number.NEGATIVE_INFINITY) {
      throw new RangeError(`position ${position}: a tail of ${tail} where every logit is kept`);
    }
  }
}

function checkIds({ ids, kept, vocabulary }: LogitsEnvelope, position: number): void {
  let before = -1;
  for (let i = position * kept; i < (position + 1) * kept; i++) {
    const id = ids[i];
    if (id <= before) throw new RangeError(`position ${position}: token ${id} after ${before}, ids must ascend`);
    if (id >= vocabulary) {
      throw new RangeError(`position ${position}: token ${id} is outside the vocabulary of ${vocabulary}`);
    }
    before = id;
  }
}

function checkLogProbability(value: number, what: string, position: number): void {
  if (value <= aboveZero && value !== Number.NEGATIVE_INFINITY) return;
  throw new RangeError(`position ${position}: a ${what} of ${value}, expected a finite number of at most 0`);
}
