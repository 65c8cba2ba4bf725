import * as z from 'zod';
import { problemSchema } from '../problem.ts';
import {
  degradedSchema,
  finishReason,
  limits,
  maxTokens,
  messagesSchema,
  modelId,
  optional,
  promptSchema,
  samplingFields,
  slingshotSchema,
  usageSchema,
} from './fields.ts';

/** The body of POST /v1/generations; nothing else may be in it. */
export const generationRequestSchema = z
  .strictObject({
    model: modelId,
    prompt: promptSchema.optional(),
    messages: messagesSchema.optional(),
    ...samplingFields,
    max_tokens: maxTokens,
    events: optional(z.boolean()).meta({ description: 'Whether to keep events of its denoise steps' }),
    metadata: optional(z.record(z.string().max(64), z.string().max(512))).refine(
      (metadata) => Object.keys(metadata ?? {}).length <= limits.metadata,
      `has more than ${limits.metadata} members`,
    ),
    slingshot: optional(slingshotSchema),
  })
  .refine(({ prompt, messages }) => (prompt === undefined) !== (messages === undefined), {
    path: ['prompt'],
    message: 'is needed, or messages, and not both',
  })
  .meta({ id: 'GenerationRequest' });
export type ApiGenerationRequest = z.output<typeof generationRequestSchema>;

export const generationStatuses = ['running', 'succeeded', 'failed', 'cancelled'] as const;

export const generationIdSchema = z
  .string()
  .min(1)
  .max(128)
  .meta({ description: 'The generation', example: 'gen_0f3c8a51b2d94e6f8a7b6c5d4e3f2a1b' });

/** What a generation is, and what came of it so far. */
export const generationSchema = z
  .strictObject({
    id: generationIdSchema,
    object: z.literal('generation'),
    status: z.enum(generationStatuses),
    created: z.int().meta({ description: 'Seconds since 1970' }),
    ended: z.int().nullable(),
    model: z.string(),
    seed: z.int(),
    choices: z.array(
      z.strictObject({
        index: z.int(),
        text: z.string().meta({ description: 'Committed text' }),
        tokens: z.int(),
        finish_reason: finishReason,
      }),
    ),
    usage: usageSchema,
    steps: z.int(),
    degraded: degradedSchema.optional(),
    error: problemSchema.shape.error.nullable(),
    metadata: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Generation' });
export type ApiGeneration = z.infer<typeof generationSchema>;
