import * as z from 'zod';
import { countSchema } from '../ssd2/decoding.ts';
import { type LogitsEnvelope, readEnvelope } from '../ssd2/envelope.ts';
import { maxLanes } from '../ssd2/generation.ts';
import { type LaneStep, laneStepSchema, noiseAddressSchema } from '../ssd2/step.ts';
import { cut, decodeFrame, encodeFrame } from './frame.ts';

/**
 * What travels between a function and a model endpoint: frames (see frame.ts) whose payload is logits envelopes. They go
 * from endpoint to endpoint as the bytes that they are.
 */
export const contentType = 'application/octet-stream';

const laneHeadSchema = laneStepSchema
  .unwrap()
  .extend({
    /** How many of the payload's bytes are the lane's self-conditioning; 0 without. */
    selfConditioning: countSchema,
  })
  .readonly();

/** The head of a body of POST /invocations. */
const invocationHeadSchema = z
  .strictObject({
    lanes: z.array(laneHeadSchema).min(1).max(maxLanes).readonly(),
    /** Entries a position that the answer keeps; the vocabulary's size asks for all. */
    kept: countSchema.min(1),
    /** Whose the lanes are, in words that say no name: what a model keeps of them serves nobody else. */
    owner: z.string().min(1).max(64),
    /** Whether nobody waits for the answer: it goes after those that somebody does. */
    background: z.boolean().optional(),
    /** Which model is asked, where the process serves several. */
    adapter: z.string().min(1).max(64).optional(),
  })
  .readonly();

export interface Invocation
  extends Pick<z.infer<typeof invocationHeadSchema>, 'kept' | 'owner' | 'background' | 'adapter'> {
  readonly lanes: readonly LaneStep[];
}

const timing = z.number().nonnegative();

/** The head of an answer: whose it is, what it answers, and milliseconds by part. */
const answerHeadSchema = z
  .strictObject({
    model: z.string(),
    /** The model's digest (see modelVersion). */
    version: z.string(),
    lanes: z.array(noiseAddressSchema.unwrap().extend({ bytes: countSchema }).readonly()).readonly(),
    milliseconds: z.strictObject({ context: timing, noise: timing, model: timing, compress: timing }).readonly(),
  })
  .readonly();
type AnswerHead = z.infer<typeof answerHeadSchema>;

export interface Answer extends Pick<AnswerHead, 'model' | 'version' | 'milliseconds'> {
  /** Which step of which lane each envelope answers, as the model understood it. */
  readonly lanes: readonly z.infer<typeof noiseAddressSchema>[];
  readonly envelopes: readonly LogitsEnvelope[];
}

/** A body that breaks the protocol; `field` says where. */
export class ProtocolError extends Error {
  readonly field: string;

  constructor(field: string, message: string) {
    super(`${field}: ${message}`);
    this.field = field;
  }
}

export function encodeInvocation({ lanes, kept, owner, background, adapter }: Invocation): Uint8Array {
  const heads = lanes.map(({ previous, ...lane }) => ({ ...lane, selfConditioning: previous?.bytes.length ?? 0 }));
  return encodeFrame(
    { lanes: heads, kept, owner, ...(background ? { background } : {}), ...(adapter === undefined ? {} : { adapter }) },
    lanes.flatMap(({ previous }) => (previous ? [previous.bytes] : [])),
  );
}

/** @throws ProtocolError */
export function decodeInvocation(bytes: Uint8Array): Invocation {
  const { head, parts } = open(bytes, invocationHeadSchema, ({ lanes }) =>
    lanes.map(({ selfConditioning }) => selfConditioning),
  );
  const lanes = head.lanes.map(({ selfConditioning, ...lane }, index) => ({
    ...lane,
    previous: selfConditioning === 0 ? null : envelope(parts[index], `lanes.${index}.selfConditioning`),
  }));
  const { kept, owner, background, adapter } = head;
  return {
    ...{ lanes, kept, owner },
    ...(background === undefined ? {} : { background }),
    ...(adapter === undefined ? {} : { adapter }),
  };
}

export function encodeAnswer({ lanes, envelopes, ...head }: Answer): Uint8Array {
  const heads = lanes.map(({ seed, lane, block, step }, index) => {
    return { ...{ seed, lane, block, step }, bytes: envelopes[index].bytes.length };
  });
  return encodeFrame(
    { ...head, lanes: heads },
    envelopes.map(({ bytes }) => bytes),
  );
}

/** @throws ProtocolError */
export function decodeAnswer(bytes: Uint8Array): Answer {
  const { head, parts } = open(bytes, answerHeadSchema, ({ lanes }) => lanes.map(({ bytes }) => bytes));
  const { model, version, milliseconds } = head;
  const lanes = head.lanes.map(({ bytes, ...address }) => address);
  return { model, version, milliseconds, lanes, envelopes: parts.map((part, i) => envelope(part, `lanes.${i}`)) };
}

function open<Head>(bytes: Uint8Array, schema: z.ZodType<Head>, lengths: (head: Head) => number[]) {
  try {
    const { head, payload } = decodeFrame(bytes);
    const result = schema.safeParse(head);
    if (!result.success) {
      const [{ path, message }] = result.error.issues;
      throw new ProtocolError(path.join('.') || 'body', message);
    }
    return { head: result.data, parts: cut(payload, lengths(result.data)) };
  } catch (error) {
    if (error instanceof RangeError) throw new ProtocolError('body', error.message);
    throw error;
  }
}

function envelope(bytes: Uint8Array, field: string): LogitsEnvelope {
  try {
    return readEnvelope(bytes);
  } catch (error) {
    throw new ProtocolError(field, (error as Error).message);
  }
}
