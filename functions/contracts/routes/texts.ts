import * as z from 'zod';
import { chatCompletionSchema, chatRequestSchema } from '../api/chat.ts';
import { completionRequestSchema, completionSchema } from '../api/completions.ts';
import { generationIdSchema, generationRequestSchema, generationSchema } from '../api/generations.ts';
import type { Route } from './route.ts';

/** What came of a generation that did not succeed, where the answer waits for it. */
const generating = [
  'model_not_found',
  'unsupported_field',
  'generation_cancelled',
  'idempotency_mismatch',
  'rate_limit_exceeded',
  'bad_answer',
  'endpoint_unavailable',
  'endpoint_waking',
  'not_ready',
  'generation_timeout',
] as const;

const idempotency = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, 'has 1 to 255 printable characters of ASCII, and no space')
    .optional()
    .meta({ description: 'The same key with the same request is the same generation, for a day' }),
});
const id = z.object({ id: generationIdSchema });

export const longestWait = 60;

/** Where text is asked for. */
export const textRoutes = {
  createChatCompletion: {
    ...{ method: 'POST', path: '/v1/chat/completions', scope: 'generate', function: 'stream' },
    summary: 'Answer a conversation',
    body: chatRequestSchema,
    headers: idempotency,
    answers: { 200: { description: 'The answer', body: chatCompletionSchema, events: true } },
    errors: generating,
  },
  createCompletion: {
    ...{ method: 'POST', path: '/v1/completions', scope: 'generate', function: 'stream' },
    summary: 'Go on from a text',
    body: completionRequestSchema,
    headers: idempotency,
    answers: { 200: { description: 'The text', body: completionSchema, events: true } },
    errors: generating,
  },
  createGeneration: {
    ...{ method: 'POST', path: '/v1/generations', scope: 'generate', function: 'stream' },
    summary: 'Start a generation',
    body: generationRequestSchema,
    headers: idempotency.extend({
      prefer: z
        .string()
        .max(256)
        .optional()
        .meta({ description: `wait=N holds the answer until the end, N seconds at most, of ${longestWait}` }),
    }),
    answers: {
      200: { description: 'It ended while the answer waited for it', body: generationSchema },
      202: { description: 'It has begun; Location says where to look', body: generationSchema },
    },
    errors: ['model_not_found', 'unsupported_field', 'idempotency_mismatch', 'rate_limit_exceeded'],
  },
  getGeneration: {
    ...{ method: 'GET', path: '/v1/generations/{id}', scope: 'read', function: 'api' },
    summary: 'What became of a generation',
    params: id,
    answers: { 200: { description: 'The generation', body: generationSchema } },
    errors: ['not_found'],
  },
  cancelGeneration: {
    ...{ method: 'DELETE', path: '/v1/generations/{id}', scope: 'generate', function: 'api' },
    summary: 'Cancel a generation; what was committed stays readable',
    params: id,
    answers: { 200: { description: 'The generation as it ended', body: generationSchema } },
    errors: ['not_found'],
  },
  getGenerationEvents: {
    ...{ method: 'GET', path: '/v1/generations/{id}/events', scope: 'read', function: 'stream' },
    summary: 'Follow a generation: events step, commit, done and error',
    params: id,
    headers: z.object({
      'last-event-id': z
        .string()
        .regex(/^\d{1,12}$/, 'is no event id of this service')
        .optional()
        .meta({ description: 'Goes on after this event' }),
    }),
    answers: { 200: { description: 'The events', events: true } },
    errors: ['not_found'],
  },
} as const satisfies Record<string, Route>;
