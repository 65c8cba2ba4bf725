import * as z from 'zod';
import { contextListSchema, contextRequestSchema, contextSchema, deletedSchema } from '../api/resources.ts';
import { uploadIdSchema, uploadRequestSchema, uploadSchema, uploadScopes } from '../api/uploads.ts';
import type { Route } from './route.ts';

const uploadId = z.object({ id: uploadIdSchema });
const contextId = z.object({ id: z.string().min(1).max(128).meta({ description: 'The document' }) });

/** Private documents, and files that go to the store themselves. */
export const documentRoutes = {
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
} as const satisfies Record<string, Route>;
