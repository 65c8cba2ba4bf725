import { z } from 'zod';
import type { LogitsEnvelope } from '../ssd2/envelope.ts';
import type { LaneStep } from '../ssd2/step.ts';

/** What travels between a function and a model endpoint, as JSON. */

const tokenId = z.int().min(0).max(65_535);
const count = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);

/** A logits envelope on the wire: its arrays' little-endian bytes in base64. */
export const envelopeSchema = z.strictObject({
  positions: count,
  vocabulary: count,
  kept: count,
  ids: z.string(),
  logProbabilities: z.string(),
  tailLogMass: z.string(),
});
export type EnvelopeJson = z.infer<typeof envelopeSchema>;

export const laneSchema = z.strictObject({
  context: z.array(tokenId).min(1),
  tokens: z.array(z.array(tokenId).min(1)).nullable(),
  selfConditioning: envelopeSchema.nullable(),
  seed: z.int().nonnegative(),
  lane: count,
  block: count,
  step: count,
  steps: count.min(1),
});
export type LaneJson = z.infer<typeof laneSchema>;

/** The body of POST /invocations. */
export const invocationSchema = z.strictObject({
  lanes: z.array(laneSchema).min(1).max(64),
  /** Entries a position that the answer keeps; the vocabulary's size asks for all. */
  kept: count.min(1),
});
export type Invocation = z.infer<typeof invocationSchema>;

const timing = z.number().nonnegative();

/** The answer: an envelope a lane, and milliseconds by part. */
export const answerSchema = z.object({
  model: z.string(),
  lanes: z.array(envelopeSchema),
  milliseconds: z.object({ context: timing, noise: timing, model: timing, compress: timing }),
});
export type Answer = z.infer<typeof answerSchema>;

export function encodeEnvelope({ positions, vocabulary, kept, ...arrays }: LogitsEnvelope): EnvelopeJson {
  return {
    positions,
    vocabulary,
    kept,
    ids: toBase64(arrays.ids),
    logProbabilities: toBase64(arrays.logProbabilities),
    tailLogMass: toBase64(arrays.tailLogMass),
  };
}

/** @throws RangeError when an array does not have the length that the counts say */
export function decodeEnvelope({ positions, vocabulary, kept, ...arrays }: EnvelopeJson): LogitsEnvelope {
  const entries = positions * kept;
  return {
    positions,
    vocabulary,
    kept,
    ids: new Uint16Array(fromBase64('ids', arrays.ids, kept < vocabulary ? entries : 0)),
    logProbabilities: new Float16Array(fromBase64('logProbabilities', arrays.logProbabilities, entries)),
    tailLogMass: new Float16Array(fromBase64('tailLogMass', arrays.tailLogMass, positions)),
  };
}

export function encodeLane({ previous, context, tokens, ...rest }: LaneStep): LaneJson {
  return {
    ...rest,
    context: [...context],
    tokens: tokens?.map((ids) => [...ids]) ?? null,
    selfConditioning: previous && encodeEnvelope(previous),
  };
}

export function decodeLane({ selfConditioning, ...rest }: LaneJson): LaneStep {
  return { ...rest, previous: selfConditioning && decodeEnvelope(selfConditioning) };
}

function toBase64(array: Uint16Array | Float16Array): string {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');
}

function fromBase64(field: string, text: string, elements: number): ArrayBuffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== 2 * elements) throw new RangeError(`${field}: ${bytes.length} bytes, not ${2 * elements}`);
  // A copy, since Buffer's memory need not start at an even address.
  return Uint8Array.from(bytes).buffer;
}
