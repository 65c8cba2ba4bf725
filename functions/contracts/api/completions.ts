import * as z from 'zod';
import {
  finishReason,
  limits,
  maxTokens,
  modelId,
  optional,
  promptSchema,
  provenanceSchema,
  refusedBut,
  samplingFields,
  slingshotSchema,
  usageSchema,
} from './fields.ts';

/** What streams of OpenAI's routes take. */
export const streamFields = {
  stream: optional(z.boolean()),
  stream_options: optional(z.object({ include_usage: optional(z.boolean()) })),
  diffusing: optional(z.boolean()).meta({ description: 'Whether a stream has drafts, apart from committed text' }),
  user: optional(z.string().max(512)),
  slingshot: optional(slingshotSchema),
};

/** OpenAI's fields that ask for what these models do not do, on both routes. */
export const refusedFields = {
  presence_penalty: refusedBut(z.literal(0)),
  frequency_penalty: refusedBut(z.literal(0)),
  logit_bias: refusedBut(z.strictObject({})),
};

const suffix = z
  .string()
  .max(limits.promptLength)
  .meta({ description: 'The text after a gap that is to be filled; none when empty' });

/** The body of POST /v1/completions; what else it has is ignored, since clients add fields every month. */
export const completionRequestSchema = z
  .object({
    model: modelId,
    prompt: promptSchema,
    ...samplingFields,
    max_tokens: maxTokens,
    logprobs: optional(z.int().min(0).max(limits.logprobs)),
    ...streamFields,
    ...refusedFields,
    echo: refusedBut(z.literal(false)),
    best_of: refusedBut(z.literal(1)),
    suffix: optional(suffix),
  })
  .meta({ id: 'CompletionRequest' });
export type CompletionRequest = z.output<typeof completionRequestSchema>;

export const completionLogprobsSchema = z
  .strictObject({
    tokens: z.array(z.string()),
    token_logprobs: z.array(z.number()),
    top_logprobs: z.array(z.record(z.string(), z.number())),
    text_offset: z.array(z.int()),
  })
  .nullable()
  .meta({ id: 'CompletionLogprobs', description: 'Of each block’s last merged logits' });

export const completionSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('text_completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.strictObject({
        text: z.string(),
        index: z.int(),
        finish_reason: finishReason,
        logprobs: completionLogprobsSchema,
      }),
    ),
    usage: usageSchema,
    slingshot: provenanceSchema,
  })
  .meta({ id: 'Completion' });
export type Completion = z.infer<typeof completionSchema>;
