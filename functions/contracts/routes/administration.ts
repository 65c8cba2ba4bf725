import * as z from 'zod';
import { keyIdSchema, keyListSchema, keyRequestSchema, keySchema, newKeySchema } from '../api/keys.ts';
import { fleetSchema, machineSchema, tenantsQuerySchema, tenantsSchema } from '../api/operations.ts';
import { usageQuerySchema, usageReportSchema } from '../api/resources.ts';
import type { Route } from './route.ts';

/** For whoever looks after a tenant, or after all. */
export const administrationRoutes = {
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
} as const satisfies Record<string, Route>;
