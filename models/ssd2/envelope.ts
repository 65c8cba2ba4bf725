import { takeLargest } from './selection.ts';

/**
 * A model's answer for one step, or what a step remembers of the one before: log-probabilities of the `kept` likeliest
 * tokens of each position, and of all others together. Dense when `kept` is the whole vocabulary.
 */
export interface LogitsEnvelope {
  readonly positions: number;
  readonly vocabulary: number;
  readonly kept: number;
  /** [positions, kept], ascending within a position; empty when dense, where they are 0, 1, 2, ... */
  readonly ids: Uint16Array;
  /** [positions, kept], in nats. */
  readonly logProbabilities: Float16Array;
  /** [positions], in nats; -Infinity when dense. */
  readonly tailLogMass: Float16Array;
}

/** Keeps the `kept` largest of each row of log-probabilities [positions, vocabulary]; of equal ones the lowest ids. */
export function compress(logits: Float32Array, vocabulary: number, kept: number): LogitsEnvelope {
  const positions = logits.length / vocabulary;
  const dense = kept >= vocabulary;
  const count = dense ? vocabulary : kept;
  const envelope = emptyEnvelope(positions, vocabulary, count);
  for (let position = 0; position < positions; position++) {
    const row = logits.subarray(position * vocabulary, (position + 1) * vocabulary);
    const start = position * count;
    if (dense) {
      envelope.logProbabilities.set(row, start);
      envelope.tailLogMass[position] = Number.NEGATIVE_INFINITY;
      continue;
    }
    let head = 0;
    let at = start;
    for (const id of takeLargest(row, count)) {
      envelope.ids[at] = id;
      envelope.logProbabilities[at++] = row[id];
      head += Math.exp(row[id]);
    }
    envelope.tailLogMass[position] = logOfMass(1 - head);
  }
  return envelope;
}

/** The logarithm of what is left of a probability; floored, where rounding leaves nothing or less. */
export function logOfMass(mass: number): number {
  return Math.log(Math.max(mass, 1e-7));
}

export function isDense(envelope: LogitsEnvelope): boolean {
  return envelope.kept === envelope.vocabulary;
}

export function emptyEnvelope(positions: number, vocabulary: number, kept: number): LogitsEnvelope {
  return {
    positions,
    vocabulary,
    kept,
    ids: new Uint16Array(kept < vocabulary ? positions * kept : 0),
    logProbabilities: new Float16Array(positions * kept),
    tailLogMass: new Float16Array(positions),
  };
}

/** The token of a position's i-th kept entry. */
export function idAt(envelope: LogitsEnvelope, position: number, i: number): number {
  return isDense(envelope) ? i : envelope.ids[position * envelope.kept + i];
}

/** What each token that was not kept has, in nats: the tail's mass in equal shares. */
export function tailLogProbability(envelope: LogitsEnvelope, position: number): number {
  if (isDense(envelope)) return Number.NEGATIVE_INFINITY;
  return envelope.tailLogMass[position] - Math.log(envelope.vocabulary - envelope.kept);
}

/** Writes the envelope's probabilities, normalised, over rows [positions, vocabulary]. */
export function expand(envelope: LogitsEnvelope, out: Float32Array): void {
  const { positions, vocabulary, kept, logProbabilities } = envelope;
  for (let position = 0; position < positions; position++) {
    const row = out.subarray(position * vocabulary, (position + 1) * vocabulary);
    const tail = Math.exp(tailLogProbability(envelope, position));
    let sum = tail * (vocabulary - kept);
    row.fill(tail);
    for (let i = 0; i < kept; i++) {
      const probability = Math.exp(logProbabilities[position * kept + i]);
      row[idAt(envelope, position, i)] = probability;
      sum += probability;
    }
    for (let v = 0; v < vocabulary; v++) row[v] /= sum;
  }
}
