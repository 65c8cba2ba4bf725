import * as z from 'zod';
import { selfConditionings } from '../../../models/ssd2/decoding.ts';
import { qualities } from '../../../models/ssd2/quality.ts';
import { problemCodes } from '../problem.ts';
import { defaultWeight, degradations } from '../request.ts';

/** What a request may have at most. */
export const limits = {
  /** Texts that one request generates: prompts times `n`. */
  choices: 8,
  stops: 4,
  stopLength: 64,
  /** Characters of a prompt, or of a conversation: a token has at least one. */
  promptLength: 1_000_000,
  messages: 1000,
  /** Alternatives that are told of a token. */
  logprobs: 5,
  tokens: 100_000,
  metadata: 16,
} as const;

/** Clients send null for what they leave out. */
export const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

/** A field of OpenAI's that asks for what these models do not do; only its value that asks for nothing is taken. */
export const refusedBut = <T extends z.ZodType>(neutral: T) => z.union([neutral, z.null()]).optional();

/** All such fields. */
export const refusedNames: ReadonlySet<string> = new Set([
  ...['presence_penalty', 'frequency_penalty', 'logit_bias', 'echo', 'best_of', 'tools', 'tool_choice'],
  ...['functions', 'function_call', 'response_format', 'audio', 'modalities'],
]);

export const modelId = z
  .string()
  .min(1)
  .max(128)
  .meta({ description: 'A core, or CORE+TENANT for a core that the tenant’s own model corrects', example: 'core' });

const text = z.string().max(limits.promptLength);
export const promptText = text.refine((prompt) => prompt.trim() !== '', 'is empty');
export const promptSchema = z.union([promptText, z.array(promptText).min(1).max(limits.choices)], {
  error: ({ input }) =>
    Array.isArray(input)
      ? `must be a text or up to ${limits.choices} of them, none empty or over ${limits.promptLength} characters`
      : `must be a text that is not empty, of at most ${limits.promptLength} characters, or a list of such texts`,
});

const textPart = z.object({ type: z.literal('text'), text });
/** Content as a text, or as parts, which are read as one text. */
const content = z
  .union([text, z.array(textPart).min(1)], { error: 'must be a text, or parts of type text' })
  .transform((value) => (typeof value === 'string' ? value : value.map((part) => part.text).join('')));
const messageSchema = z.object({
  role: z
    .enum(['system', 'developer', 'user', 'assistant'], { error: 'must be system, developer, user or assistant' })
    .meta({ description: 'developer is read as system' }),
  content,
});
export const messagesSchema = z.array(messageSchema).min(1).max(limits.messages);

const stop = z.string().min(1).max(limits.stopLength);

/** Of all routes that generate. */
export const samplingFields = {
  n: optional(z.int().min(1).max(limits.choices)).meta({
    description: 'Texts a prompt; text i of a request has the seed `seed` + i',
  }),
  seed: optional(z.int().min(0)).meta({ description: 'Drawn at random when absent, and told in the answer' }),
  stop: optional(
    z.union([stop.transform((one) => [one]), z.array(stop).max(limits.stops)], {
      error: `must be a text or up to ${limits.stops} of them, each of 1 to ${limits.stopLength} characters`,
    }),
  ).meta({ description: 'The text ends before the first of these' }),
  temperature: optional(z.number().min(0).max(2)).meta({ description: '0 takes the likeliest tokens' }),
  top_p: optional(z.number().gt(0).max(1)),
};

export const maxTokens = optional(z.int().min(1).max(limits.tokens));

export const haltingSchema = z.strictObject({
  stopAt: z.number().min(0).lt(1).optional().meta({ description: 'Timesteps at or below this are not run' }),
  patience: z.int().min(1).optional().meta({ description: 'Steps without change after which a block may halt' }),
  entropy: z.number().min(0).optional().meta({ description: 'Mean nats a position below which it does' }),
});

/** What clients of OpenAI have no field for. */
export const slingshotSchema = z
  .strictObject({
    tenantModel: z.string().max(64).optional().meta({ description: 'The tenant’s own model, as in CORE+TENANT' }),
    weight: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .meta({ description: `The tenant model’s share, ${defaultWeight} by default` }),
    contrast: z.number().min(0).max(10).optional().meta({
      description: 'How strongly the private context counts beyond itself',
    }),
    context: z.string().max(128).optional().meta({ description: 'Id of a private document (see /v1/contexts)' }),
    degradation: z.enum(degradations).optional().meta({
      description:
        'What becomes of it where the tenant’s model does not answer: fail, or core, by which it goes on with the core alone. By default what the tenant is set to, else fail',
    }),
    tenantBlocks: z.int().min(0).max(1_000_000).optional().meta({
      description: 'Blocks that the tenant’s model corrects, from the first on; the rest is the core’s alone',
    }),
    steps: z.int().min(1).max(10_000).optional().meta({ description: 'Timesteps a block' }),
    quality: z.enum(qualities).optional(),
    halting: haltingSchema.optional(),
    selfConditioning: z.enum(selfConditionings).optional(),
    visit: z.int().min(1).max(1000).optional().meta({ description: 'Denoise steps that one visit runs' }),
    detail: z.enum(['steps', 'positions']).optional().meta({
      description: 'steps: events of each denoise step; positions: with the likeliest tokens of each member too',
    }),
  })
  .meta({ id: 'SlingshotOptions', description: 'What only diffusion models and Slingshot have' });
export type SlingshotOptions = z.output<typeof slingshotSchema>;

export const usageSchema = z
  .strictObject({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() })
  .meta({ id: 'Usage' });
export type Usage = z.infer<typeof usageSchema>;

export const degradedSchema = z
  .strictObject({
    without: z.array(z.string()).meta({ description: 'Members that did not answer' }),
    tenantBlocks: z.int().meta({
      description:
        'Blocks that were made with them, from the first on: the same request with slingshot.tenantBlocks of this number has the same text',
    }),
    tokens: z.int().meta({ description: 'Of the texts, those that were made without' }),
    error: z.enum(problemCodes).meta({ description: 'Why they did not' }),
  })
  .meta({ id: 'Degraded', description: 'How it went on with the core alone; absent where it did not' });
export type ApiDegraded = z.infer<typeof degradedSchema>;

/** How a generation came about, beside its texts. */
export const provenanceSchema = z
  .strictObject({
    generation: z.string().meta({ description: 'See /v1/generations' }),
    seed: z.int(),
    steps: z.int().meta({ description: 'Denoise steps of all texts together' }),
    degraded: degradedSchema.optional(),
  })
  .meta({ id: 'Provenance' });

export const finishReason = z.enum(['stop', 'length']).nullable();
