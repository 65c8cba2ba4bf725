import { z } from 'zod';
import { envelopeSchema } from '../../models/serving/protocol.ts';
import { projections } from '../../models/ssd2/projection.ts';
import { routingSchema } from './catalog.ts';

/** An envelope inside a state machine's state: itself, or where it lies in the bucket. */
const envelopeMessageSchema = z.union([
  z.strictObject({ inline: envelopeSchema }),
  z.strictObject({ bucket: z.string(), key: z.string() }),
]);
export type EnvelopeMessage = z.infer<typeof envelopeMessageSchema>;

const ids = z.array(z.int().nonnegative());

const decodingSchema = z.strictObject({
  members: z.array(z.strictObject({ name: z.string(), coefficient: z.number(), routes: routingSchema })).min(1),
  seed: z.int().nonnegative(),
  lane: z.int().nonnegative(),
  steps: z.int().positive(),
  block: z.int().positive(),
  vocabulary: z.int().positive(),
  projection: z.enum(projections),
  topP: z.number(),
  halting: z.strictObject({ stopAt: z.number(), patience: z.int(), entropy: z.number() }),
  selfConditioning: z.enum(['fused', 'own']),
  kept: z.int().positive(),
});

const blockStateSchema = z.strictObject({
  index: z.int().nonnegative(),
  step: z.int().nonnegative(),
  tokens: z.array(ids).nullable(),
  previous: z.record(z.string(), envelopeMessageSchema).nullable(),
  argmax: ids,
  unchanged: z.int().nonnegative(),
  done: z.boolean(),
});
export type BlockStateMessage = z.infer<typeof blockStateSchema>;

const millisecondsSchema = z.record(z.string(), z.number());
export type Milliseconds = z.infer<typeof millisecondsSchema>;

/** What a denoise step tells of itself, for whoever watches. */
const reportSchema = z.strictObject({
  block: z.int(),
  step: z.int(),
  t: z.number(),
  tokens: ids,
  confidence: z.number(),
  entropy: z.number(),
  changed: ids,
  routes: z.record(z.string(), z.string()),
  milliseconds: z.record(z.string(), millisecondsSchema),
});
export type StepMessage = z.infer<typeof reportSchema>;

const callSchema = z.strictObject({ member: z.string(), endpoint: z.string() });

/** A generation in flight: what passes from state to state. */
export const generationSchema = z.strictObject({
  decoding: decodingSchema,
  tokens: z.int().positive(),
  endOfText: z.int().nonnegative(),
  visit: z.int().positive(),
  progress: z.strictObject({
    contexts: z.record(z.string(), ids),
    generated: ids,
    blocks: z.int().nonnegative(),
    done: z.boolean(),
  }),
  /** Denoise steps run so far, over all blocks. */
  stepsRun: z.int().nonnegative(),
  state: blockStateSchema,
  /** The fan-out of the step to come. */
  calls: z.array(callSchema),
  /** Whether DenoiseBlock goes on, or returns: at a block's end, or before an Express execution's time is up. */
  turn: z.enum(['continue', 'return']),
  /** The steps that the last visit ran. */
  reports: z.array(reportSchema),
});
export type Generation = z.infer<typeof generationSchema>;

/** To invoke-model. */
export const modelCallSchema = z.strictObject({
  call: callSchema,
  decoding: decodingSchema,
  contexts: z.record(z.string(), ids),
  state: blockStateSchema,
});

/** From invoke-model. */
const modelAnswerSchema = z.strictObject({
  member: z.string(),
  envelope: envelopeMessageSchema,
  milliseconds: millisecondsSchema,
});
export type ModelAnswer = z.infer<typeof modelAnswerSchema>;

/** To reduce. */
export const reductionSchema = z.strictObject({
  generation: generationSchema,
  answers: z.array(modelAnswerSchema),
  startedAt: z.iso.datetime({ offset: true }),
});

/** To denoise-visit. */
export const visitSchema = z.strictObject({
  generation: generationSchema,
  startedAt: z.iso.datetime({ offset: true }),
});

/** What a finished execution gives. */
export interface GenerationResult {
  readonly text: string;
  readonly tokens: number;
  readonly blocks: number;
  readonly steps: number;
  readonly models: readonly string[];
  readonly seed: number;
}
