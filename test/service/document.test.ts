import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, it } from 'vitest';
import { problemKinds } from '../../functions/contracts/problem.ts';
import type { Route } from '../../functions/contracts/routes/route.ts';
import { errorsOf, routeIds, routes } from '../../functions/contracts/routes.ts';
import { document } from '../support/openapi-check.ts';

it('the document is valid OpenAPI 3.1', async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(document));
  expect(errors ?? []).toEqual([]);
  expect(valid).toBe(true);
  expect(validator.version).toBe('3.1');
});

it('it has every route of the table, with each status that its answers and errors have, and no other', () => {
  const paths = new Set<string>();
  for (const id of routeIds) {
    const route: Route = routes[id];
    paths.add(route.path);
    const operation = document.paths[route.path][route.method.toLowerCase()];
    expect(operation.operationId).toBe(id);
    const statuses = [
      ...Object.keys(route.answers),
      ...errorsOf(route).map((code) => String(problemKinds[code].status)),
    ];
    expect(new Set(Object.keys(operation.responses)), id).toEqual(new Set(statuses));
    expect(operation.security, id).toEqual(route.scope ? [{ key: [] }] : []);
  }
  expect(new Set(Object.keys(document.paths))).toEqual(paths);
});
