import * as z from 'zod';
import {
  batchIdSchema,
  batchListSchema,
  batchRequestSchema,
  batchSchema,
  fileDeletedSchema,
  fileIdSchema,
  fileListSchema,
  fileRequestSchema,
  fileSchema,
  pageQuerySchema,
  resumeRequestSchema,
} from './api/batches.ts';
import { chatCompletionSchema, chatRequestSchema } from './api/chat.ts';
import { completionRequestSchema, completionSchema } from './api/completions.ts';
import { generationIdSchema, generationRequestSchema, generationSchema } from './api/generations.ts';
import { keyIdSchema, keyListSchema, keyRequestSchema, keySchema, newKeySchema } from './api/keys.ts';
import { modelRequestSchema, modelVersionSchema } from './api/models.ts';
import { fleetSchema, machineSchema, tenantsQuerySchema, tenantsSchema } from './api/operations.ts';
import {
  contextListSchema,
  contextRequestSchema,
  contextSchema,
  deletedSchema,
  modelListSchema,
  readySchema,
  usageQuerySchema,
  usageReportSchema,
} from './api/resources.ts';
import { uploadIdSchema, uploadRequestSchema, uploadSchema, uploadScopes } from './api/uploads.ts';
import type { Scope } from './caller.ts';
import type { ProblemCode } from './problem.ts';
import { modelRecordIdSchema } from './registered-model.ts';

export interface Answer {
  readonly description: string;
  readonly body?: z.ZodType;
  /** Also, or only, as server-sent events. */
  readonly events?: true;
  /** As bytes of any kind. */
  readonly bytes?: true;
}

/** One method of one path: what it takes and gives, and who may use it. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** As API Gateway and OpenAPI write it, `{id}` for a parameter. */
  readonly path: string;
  readonly summary: string;
  /** What a key must be for, or one of several things; none where no key is asked for. */
  readonly scope: Scope | readonly Scope[] | undefined;
  /** The function that answers: `stream` where an answer may take longer than a buffered one is given. */
  readonly function: 'api' | 'stream' | 'operate';
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Content types of the body beside JSON, which are taken as the member `content`. */
  readonly textTypes?: readonly string[];
  /** Whether it also takes a form of multipart/form-data, with the fields of this schema. */
  readonly form?: z.ZodObject;
  readonly headers?: z.ZodObject;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Beside those of every route with a key, and of every route with a body. */
  readonly errors: readonly ProblemCode[];
}

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
const modelId = z.object({ id: modelRecordIdSchema });
const fileId = z.object({ id: fileIdSchema });
const batchId = z.object({ id: batchIdSchema });
const uploadId = z.object({ id: uploadIdSchema });
const contextId = z.object({ id: z.string().min(1).max(128).meta({ description: 'The document' }) });

export const longestWait = 60;

/** All routes of the service: its document, API Gateway's methods, the local front and the dispatch come from here. */
export const routes = {
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
  listModels: {
    ...{ method: 'GET', path: '/v1/models', scope: 'read', function: 'api' },
    summary: 'The models that the caller may use',
    answers: { 200: { description: 'The models', body: modelListSchema } },
    errors: [],
  },
  createModel: {
    ...{ method: 'POST', path: '/v1/models', scope: 'admin', function: 'api' },
    summary: 'Have a model of the tenant’s own served, which was uploaded',
    body: modelRequestSchema,
    answers: { 202: { description: 'It is being validated; Location says where to look', body: modelVersionSchema } },
    errors: [],
  },
  getModel: {
    ...{ method: 'GET', path: '/v1/models/{id}', scope: 'read', function: 'api' },
    summary: 'What became of a model of the tenant’s own',
    params: modelId,
    answers: { 200: { description: 'The model', body: modelVersionSchema } },
    errors: ['not_found'],
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
  createContext: {
    ...{ method: 'POST', path: '/v1/contexts', scope: 'generate', function: 'api' },
    summary: 'Keep a private document, as JSON, plain text or Markdown',
    body: contextRequestSchema,
    textTypes: ['text/plain', 'text/markdown'],
    answers: { 201: { description: 'The document', body: contextSchema } },
    errors: [],
  },
  listContexts: {
    ...{ method: 'GET', path: '/v1/contexts', scope: 'read', function: 'api' },
    summary: 'The private documents',
    answers: { 200: { description: 'The documents', body: contextListSchema } },
    errors: [],
  },
  getContext: {
    ...{ method: 'GET', path: '/v1/contexts/{id}', scope: 'read', function: 'api' },
    summary: 'What is known of a private document',
    params: contextId,
    answers: { 200: { description: 'The document', body: contextSchema } },
    errors: ['not_found'],
  },
  deleteContext: {
    ...{ method: 'DELETE', path: '/v1/contexts/{id}', scope: 'generate', function: 'api' },
    summary: 'Forget a private document',
    params: contextId,
    answers: { 200: { description: 'It is gone', body: deletedSchema } },
    errors: ['not_found'],
  },
  createUpload: {
    ...{ method: 'POST', path: '/v1/uploads', scope: uploadScopes, function: 'api' },
    summary: 'Ask for a form by which a file goes to the store itself',
    body: uploadRequestSchema,
    answers: { 201: { description: 'The upload, with its form', body: uploadSchema } },
    errors: [],
  },
  getUpload: {
    ...{ method: 'GET', path: '/v1/uploads/{id}', scope: uploadScopes, function: 'api' },
    summary: 'Whether the file has come',
    params: uploadId,
    answers: { 200: { description: 'The upload', body: uploadSchema } },
    errors: ['not_found'],
  },
  createFile: {
    ...{ method: 'POST', path: '/v1/files', scope: 'batch', function: 'api' },
    summary: 'Keep a file of rows, as a form of multipart/form-data or from an upload',
    body: fileRequestSchema,
    form: z.object({ file: z.string().meta({ format: 'binary' }), purpose: z.literal('batch') }),
    answers: { 200: { description: 'The file', body: fileSchema } },
    errors: [],
  },
  listFiles: {
    ...{ method: 'GET', path: '/v1/files', scope: 'batch', function: 'api' },
    summary: 'The files',
    query: pageQuerySchema,
    answers: { 200: { description: 'Some of the files', body: fileListSchema } },
    errors: [],
  },
  getFile: {
    ...{ method: 'GET', path: '/v1/files/{id}', scope: 'batch', function: 'api' },
    summary: 'What is known of a file',
    params: fileId,
    answers: { 200: { description: 'The file', body: fileSchema } },
    errors: ['not_found'],
  },
  getFileContent: {
    ...{ method: 'GET', path: '/v1/files/{id}/content', scope: 'batch', function: 'stream' },
    summary: 'What a file has inside',
    params: fileId,
    answers: { 200: { description: 'The file’s bytes', bytes: true } },
    errors: ['not_found'],
  },
  deleteFile: {
    ...{ method: 'DELETE', path: '/v1/files/{id}', scope: 'batch', function: 'api' },
    summary: 'Forget a file',
    params: fileId,
    answers: { 200: { description: 'It is gone', body: fileDeletedSchema } },
    errors: ['not_found'],
  },
  createBatch: {
    ...{ method: 'POST', path: '/v1/batches', scope: 'batch', function: 'api' },
    summary: 'Run the rows of a file',
    body: batchRequestSchema,
    answers: { 200: { description: 'The batch', body: batchSchema } },
    errors: [],
  },
  listBatches: {
    ...{ method: 'GET', path: '/v1/batches', scope: 'batch', function: 'api' },
    summary: 'The batches',
    query: pageQuerySchema,
    answers: { 200: { description: 'Some of the batches', body: batchListSchema } },
    errors: [],
  },
  getBatch: {
    ...{ method: 'GET', path: '/v1/batches/{id}', scope: 'batch', function: 'api' },
    summary: 'How a batch stands',
    params: batchId,
    answers: { 200: { description: 'The batch', body: batchSchema } },
    errors: ['not_found'],
  },
  cancelBatch: {
    ...{ method: 'POST', path: '/v1/batches/{id}/cancel', scope: 'batch', function: 'api' },
    summary: 'Cancel a batch; what is done stays',
    params: batchId,
    answers: { 200: { description: 'The batch', body: batchSchema } },
    errors: ['not_found'],
  },
  resumeBatch: {
    ...{ method: 'POST', path: '/v1/batches/{id}/resume', scope: 'batch', function: 'api' },
    summary: 'Let a batch that ended do what it has left undone',
    params: batchId,
    body: resumeRequestSchema,
    answers: { 200: { description: 'The batch', body: batchSchema } },
    errors: ['not_found'],
  },
  getUsage: {
    ...{ method: 'GET', path: '/v1/usage', scope: 'read', function: 'api' },
    summary: 'What was used, by day, model and key',
    query: usageQuerySchema,
    answers: { 200: { description: 'The usage', body: usageReportSchema } },
    errors: [],
  },
  createKey: {
    ...{ method: 'POST', path: '/v1/keys', scope: 'admin', function: 'operate' },
    summary: 'Make a key of the tenant’s own',
    body: keyRequestSchema,
    answers: { 201: { description: 'The key, which is told this once', body: newKeySchema } },
    errors: [],
  },
  listKeys: {
    ...{ method: 'GET', path: '/v1/keys', scope: 'read', function: 'operate' },
    summary: 'The tenant’s keys, without their secrets',
    answers: { 200: { description: 'The keys, the oldest first', body: keyListSchema } },
    errors: [],
  },
  disableKey: {
    ...{ method: 'DELETE', path: '/v1/keys/{id}', scope: 'admin', function: 'operate' },
    summary: 'Disable a key; it may work for a minute more',
    params: z.object({ id: keyIdSchema }),
    answers: { 200: { description: 'The key as it is now', body: keySchema } },
    errors: ['not_found'],
  },
  listTenants: {
    ...{ method: 'GET', path: '/v1/operations/tenants', scope: 'operate', function: 'operate' },
    summary: 'For operators: tenants, what they used of their day, and what is in flight',
    query: tenantsQuerySchema,
    answers: { 200: { description: 'Tenants by name', body: tenantsSchema } },
    errors: [],
  },
  getFleet: {
    ...{ method: 'GET', path: '/v1/operations/fleet', scope: 'operate', function: 'operate' },
    summary: 'For operators: which model answers for which timesteps',
    answers: { 200: { description: 'The routing tables', body: fleetSchema } },
    errors: [],
  },
  getStateMachine: {
    ...{ method: 'GET', path: '/v1/operations/state-machine', scope: 'operate', function: 'operate' },
    summary: 'For operators: the state machine of a generation, and how many are in each state',
    answers: { 200: { description: 'Definition and counts', body: machineSchema } },
    errors: [],
  },
  getReadiness: {
    ...{ method: 'GET', path: '/v1/ready', scope: undefined, function: 'api' },
    summary: 'Whether models, store and state machine are there',
    answers: {
      200: { description: 'All are', body: readySchema },
      503: { description: 'Some are not', body: readySchema },
    },
    errors: [],
  },
  getDocument: {
    ...{ method: 'GET', path: '/openapi.json', scope: undefined, function: 'api' },
    summary: 'This document',
    answers: { 200: { description: 'OpenAPI 3.1', body: z.looseObject({ openapi: z.string() }) } },
    errors: [],
  },
} as const satisfies Record<string, Route>;
export type RouteId = keyof typeof routes;

export const routeIds = Object.keys(routes) as RouteId[];

/** The route of a method and path, as API Gateway names the resource. */
export function routeOf(method: string, path: string): RouteId | undefined {
  return routeIds.find((id) => routes[id].method === method && routes[id].path === path);
}

/** All errors of a route: its own, and those of any that takes a key, a body or parameters. */
export function errorsOf(route: Route): ProblemCode[] {
  const { scope, body, params, query, headers, errors } = route;
  const codes: ProblemCode[] = [...errors, 'internal_error', 'store_unavailable'];
  if (scope) codes.push('invalid_api_key', 'insufficient_scope', 'rate_limit_exceeded');
  if (params || query || headers || body) codes.push('invalid_request');
  if (body) codes.push('invalid_json', 'body_too_large', 'unsupported_media_type', 'request_timeout');
  return [...new Set(codes)];
}
