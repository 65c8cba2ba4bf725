import { takeLargest } from './selection.ts';

/**
 * A model's answer for one step, or what a step remembers of the one before: log-probabilities of the `kept` likeliest
 * tokens of each position, and of all others together. Dense when `kept` is the whole vocabulary.
 *
 * The arrays are views of `bytes`, in which the envelope travels as it is: positions, vocabulary and kept as uint32, then
 * the arrays below, all little-endian, as every platform that runs this is.
 */
export interface LogitsEnvelope {
  readonly positions: number;
  readonly vocabulary: number;
  readonly kept: number;
  /** [positions, kept], ascending within a position; empty when dense, where they are 0, 1, 2, ... */
  readonly ids: TokenIds;
  /** [positions, kept], in nats. */
  readonly logProbabilities: Float16Array<ArrayBuffer>;
  /** [positions], in nats; -Infinity when dense. */
  readonly tailLogMass: Float16Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** As wide as the vocabulary needs. */
export type TokenIds = Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

const headerBytes = 12;
/** float16's lowest: what an envelope says of a log-probability that it can't hold. */
const lowest = -65_504;

/** The size of an envelope that keeps `kept` entries of each position, in bytes. */
export function envelopeBytes(positions: number, vocabulary: number, kept: number): number {
  const idBytes = kept < vocabulary ? idArray(vocabulary).BYTES_PER_ELEMENT : 0;
  return headerBytes + positions * (kept * (idBytes + 2) + 2);
}

function idArray(vocabulary: number) {
  return vocabulary > 65_536 ? Uint32Array : Uint16Array;
}

export function emptyEnvelope(positions: number, vocabulary: number, kept: number): LogitsEnvelope {
  const bytes = new Uint8Array(envelopeBytes(positions, vocabulary, kept));
  new Uint32Array(bytes.buffer, 0, 3).set([positions, vocabulary, kept]);
  return viewEnvelope(bytes);
}

/**
 * An envelope over its bytes, which are copied; only its size is checked (see checkEnvelope).
 *
 * @throws RangeError when the bytes are not as many as their first three numbers say
 */
export function readEnvelope(bytes: Uint8Array): LogitsEnvelope {
  if (bytes.length < headerBytes) throw new RangeError(`${bytes.length} bytes are no envelope`);
  // A copy, since the arrays must begin at addresses that their elements divide.
  const copy = new Uint8Array(bytes);
  const [positions, vocabulary, kept] = new Uint32Array(copy.buffer, 0, 3);
  const expected = envelopeBytes(positions, vocabulary, kept);
  if (bytes.length !== expected) {
    throw new RangeError(
      `${bytes.length} bytes, not the ${expected} of ${positions} x ${kept} of ${vocabulary} logits`,
    );
  }
  return viewEnvelope(copy);
}

function viewEnvelope(bytes: Uint8Array<ArrayBuffer>): LogitsEnvelope {
  const { buffer } = bytes;
  const [positions, vocabulary, kept] = new Uint32Array(buffer, 0, 3);
  const entries = positions * kept;
  const ids = new (idArray(vocabulary))(buffer, headerBytes, kept < vocabulary ? entries : 0);
  const logProbabilities = new Float16Array(buffer, headerBytes + ids.byteLength, entries);
  const tailLogMass = new Float16Array(buffer, logProbabilities.byteOffset + logProbabilities.byteLength, positions);
  return { positions, vocabulary, kept, ids, logProbabilities, tailLogMass, bytes };
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
      for (let id = 0; id < vocabulary; id++) envelope.logProbabilities[start + id] = Math.max(row[id], lowest);
      envelope.tailLogMass[position] = Number.NEGATIVE_INFINITY;
      continue;
    }
    let head = 0;
    let at = start;
    for (const id of takeLargest(row, count)) {
      envelope.ids[at] = id;
      envelope.logProbabilities[at++] = Math.max(row[id], lowest);
      head += Math.exp(row[id]);
    }
    envelope.tailLogMass[position] = logOfMass(1 - head);
  }
  return envelope;
}

/** Copies a position's entries to one of an envelope of the same vocabulary and as many kept. */
export function copyPosition(from: LogitsEnvelope, position: number, to: LogitsEnvelope, at: number): void {
  const { kept } = from;
  const [start, end] = [position * kept, (position + 1) * kept];
  to.ids.set(from.ids.subarray(start, end), isDense(from) ? 0 : at * kept);
  to.logProbabilities.set(from.logProbabilities.subarray(start, end), at * kept);
  to.tailLogMass[at] = from.tailLogMass[position];
}

/** The same for each of `count` equal parts of the rows. */
export function compressEach(logits: Float32Array, count: number, vocabulary: number, kept: number): LogitsEnvelope[] {
  const size = logits.length / count;
  return Array.from({ length: count }, (_, part) =>
    compress(logits.subarray(part * size, (part + 1) * size), vocabulary, kept),
  );
}

/** The logarithm of what is left of a probability; floored, where rounding leaves nothing or less. */
export function logOfMass(mass: number): number {
  return Math.log(Math.max(mass, 1e-7));
}

export function isDense(envelope: Pick<LogitsEnvelope, 'kept' | 'vocabulary'>): boolean {
  return envelope.kept === envelope.vocabulary;
}

/** The token of a position's i-th kept entry. */
export function idAt(envelope: LogitsEnvelope, position: number, i: number): number {
  return isDense(envelope) ? i : envelope.ids[position * envelope.kept + i];
}

/** What each token that was not kept has, in nats: the tail's mass in equal shares. */
export function tailLogProbability(
  envelope: Pick<LogitsEnvelope, 'kept' | 'vocabulary' | 'tailLogMass'>,
  position: number,
): number {
  if (isDense(envelope)) return Number.NEGATIVE_INFINITY;
  return envelope.tailLogMass[position] - Math.log(envelope.vocabulary - envelope.kept);
}

/** Writes the envelope's probabilities, normalised, over rows [positions, vocabulary]. */
export function expand(envelope: LogitsEnvelope, out: Float32Array): void {
  const { positions, vocabulary, kept, logProbabilities } = envelope;
  const probabilities = new Float64Array(kept);
  for (let position = 0; position < positions; position++) {
    const row = out.subarray(position * vocabulary, (position + 1) * vocabulary);
    const tail = Math.exp(tailLogProbability(envelope, position));
    let sum = tail * (vocabulary - kept);
    for (let i = 0; i < kept; i++) {
      probabilities[i] = Math.exp(logProbabilities[position * kept + i]);
      sum += probabilities[i];
    }
    row.fill(Math.fround(tail) / sum);
    for (let i = 0; i < kept; i++) row[idAt(envelope, position, i)] = Math.fround(probabilities[i]) / sum;
  }
}
