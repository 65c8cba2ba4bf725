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
} from '../api/batches.ts';
import type { Route } from './route.ts';

const fileId = z.object({ id: fileIdSchema });
const batchId = z.object({ id: batchIdSchema });

/** Files of rows, and what is made of them. */
export const batchRoutes = {
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
} as const satisfies Record<string, Route>;
