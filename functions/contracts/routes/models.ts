import * as z from 'zod';
import { modelRequestSchema, modelVersionSchema } from '../api/models.ts';
import { modelListSchema } from '../api/resources.ts';
import { modelRecordIdSchema } from '../registered-model.ts';
import type { Route } from './route.ts';

const modelId = z.object({ id: modelRecordIdSchema });

/** The models, and those of tenants’ own. */
export const modelRoutes = {
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
} as const satisfies Record<string, Route>;
