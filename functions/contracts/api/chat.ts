import * as z from 'zod';
import { refusedFields, streamFields } from './completions.ts';
import {
  finishReason,
  limits,
  maxTokens,
  messagesSchema,
  modelId,
  optional,
  provenanceSchema,
  refusedBut,
  samplingFields,
  usageSchema,
} from './fields.ts';

const none = z.array(z.never()).max(0);

/** The body of POST /v1/chat/completions; what else it has is ignored. */
export const chatRequestSchema = z
  .object({
    model: modelId,
    messages: messagesSchema,
    ...samplingFields,
    max_tokens: maxTokens,
    max_completion_tokens: maxTokens,
    logprobs: optional(z.boolean()),
    top_logprobs: optional(z.int().min(0).max(limits.logprobs)),
    ...streamFields,
    metadata: optional(z.record(z.string(), z.string())),
    ...refusedFields,
    tools: refusedBut(none),
    tool_choice: refusedBut(z.literal(['none', 'auto'])),
    functions: refusedBut(none),
    function_call: refusedBut(z.literal(['none', 'auto'])),
    response_format: refusedBut(z.object({ type: z.literal('text') })),
    audio: refusedBut(z.never()),
    modalities: refusedBut(z.tuple([z.literal('text')])),
  })
  .meta({ id: 'ChatCompletionRequest' });
export type ChatRequest = z.output<typeof chatRequestSchema>;

const tokenLogprob = { token: z.string(), logprob: z.number(), bytes: z.array(z.int()).nullable() };
export const chatLogprobsSchema = z
  .strictObject({
    content: z.array(z.strictObject({ ...tokenLogprob, top_logprobs: z.array(z.strictObject(tokenLogprob)) })),
    refusal: z.null(),
  })
  .nullable()
  .meta({ id: 'ChatLogprobs', description: 'Of each block’s last merged logits' });

export const chatCompletionSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('chat.completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.strictObject({
        index: z.int(),
        message: z.strictObject({ role: z.literal('assistant'), content: z.string(), refusal: z.null() }),
        finish_reason: finishReason,
        logprobs: chatLogprobsSchema,
      }),
    ),
    usage: usageSchema,
    slingshot: provenanceSchema,
  })
  .meta({ id: 'ChatCompletion' });
export type ChatCompletion = z.infer<typeof chatCompletionSchema>;
