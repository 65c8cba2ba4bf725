import * as z from 'zod';
import { readySchema } from '../api/resources.ts';
import type { Route } from './route.ts';

/** What anybody may ask. */
export const aboutRoutes = {
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
