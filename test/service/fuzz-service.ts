import fc from 'fast-check';
import type { Route } from '../../functions/contracts/routes/route.ts';
import { routeIds, routes } from '../../functions/contracts/routes.ts';
import { checkedFetch, document } from '../support/openapi-check.ts';
import { arbitraryOf, type Schema } from './arbitrary-of-schema.ts';

interface Fuzzed {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Where the service is, and a tenant's key. */
export interface FuzzTarget {
  readonly url: string;
  readonly key: string;
}

export interface FuzzOutcome {
  /** How many answers had which status. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
}

const longestMilliseconds = 60_000;
const methods = ['GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD'];
const header = fc.stringMatching(/^[\x20-\x7e]{0,80}$/);

/**
 * Requests over all routes, made of the document's schemas with faults in them. None may be answered with a failure of
 * the service, be left without an answer, or get one that the document does not have.
 */
export async function fuzzService(
  { url, key }: FuzzTarget,
  { runs, seed, atOnce = 8 }: { readonly runs: number; readonly seed: number; readonly atOnce?: number },
): Promise<FuzzOutcome> {
  const known = await checkedFetch(`${url}/v1/generations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', prefer: 'wait=30' },
    body: JSON.stringify({ model: 'core', prompt: 'x', max_tokens: 5, slingshot: { steps: 1 } }),
  });
  const { id } = (await known.json()) as { id: string };
  const requests = fc.sample(requestOf(key, id), { numRuns: runs, seed });
  const statuses: Record<string, number> = {};
  const failures: string[] = [];
  let next = 0;
  const worker = async () => {
    while (next < requests.length && failures.length < 10) {
      const request = requests[next++];
      try {
        const { status, text } = await send(url, request);
        statuses[status] = (statuses[status] ?? 0) + 1;
        if (status >= 500) failures.push(`${status} ${text.slice(0, 500)} to ${describe(request)}`);
      } catch (error) {
        failures.push(`${(error as Error).message} to ${describe(request)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { statuses, failures };
}

async function send(url: string, { method, path, headers, body }: Fuzzed): Promise<{ status: number; text: string }> {
  const signal = AbortSignal.timeout(longestMilliseconds);
  const init = { method, headers, signal, ...(body === undefined ? {} : { body: Buffer.from(body) }) };
  // An answer to HEAD has no body to hold to anything.
  const response = await (method === 'HEAD' ? fetch : checkedFetch)(url + path, init);
  return { status: response.status, text: await response.text() };
}

function describe({ method, path, headers, body }: Fuzzed): string {
  return `${method} ${path} ${JSON.stringify(headers).replace(/sl_live_\w+/, 'KEY')} ${String(body).slice(0, 1500)}`;
}

function requestOf(key: string, generation: string): fc.Arbitrary<Fuzzed> {
  return fc.oneof(...routeIds.map((id) => requestOfRoute(routes[id], key, generation)));
}

function requestOfRoute(route: Route, key: string, generation: string): fc.Arbitrary<Fuzzed> {
  const components = document.components.schemas as Record<string, Schema>;
  const operation = document.paths[route.path][route.method.toLowerCase()];
  const schema: Schema | undefined = operation.requestBody?.content['application/json'].schema;
  const segment = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(generation, 'gen_0', 'ctx_0') },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).map(encoded) },
    { weight: 1, arbitrary: fc.constantFrom('%', '%ff', '..', '%2e%2e', 'a%2fb', '%00') },
  );
  const path = segment.map((id) => route.path.replace(/\{\w+\}/, id));
  const query = fc.oneof(
    { weight: 6, arbitrary: fc.constant('') },
    {
      weight: 1,
      arbitrary: fc.constantFrom('?from=2026-01-01', '?from=x', '?a=1&a=2', '?to=2026-02-30', '?%', '?__proto__=1'),
    },
  );
  const authorization = fc.oneof(
    { weight: 20, arbitrary: fc.constant(`Bearer ${key}`) },
    { weight: 1, arbitrary: header },
  );
  const type = fc.oneof(
    { weight: 20, arbitrary: fc.constant('application/json') },
    {
      weight: 1,
      arbitrary: fc.constantFrom('text/plain', 'text/markdown', 'text/csv', '', 'application/json; charset=latin1'),
    },
  );
  const extra = fc.record(
    {
      'idempotency-key': header,
      prefer: fc.oneof(fc.constantFrom('wait=0', 'wait=1', 'wait=x', 'wait=99999999'), header),
      'last-event-id': header,
    },
    { requiredKeys: [] },
  );
  const body = schema ? bodyOf(arbitraryOf(schema, components)) : fc.constant(undefined);
  const method = fc.oneof(
    { weight: 30, arbitrary: fc.constant(route.method as string) },
    { weight: 1, arbitrary: fc.constantFrom(...methods) },
  );
  return fc.record({ method, path, query, authorization, type, extra, body }).map((made) => ({
    method: made.method,
    path: made.path + made.query,
    headers: {
      ...made.extra,
      authorization: made.authorization,
      ...(made.type === '' ? {} : { 'content-type': made.type }),
    },
    ...(made.body === undefined || made.method === 'GET' || made.method === 'HEAD' ? {} : { body: made.body }),
  }));
}

function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

function bodyOf(value: fc.Arbitrary<unknown>): fc.Arbitrary<string | Uint8Array> {
  const json = value.map((made) => JSON.stringify(cheap(made)) ?? '');
  return fc.oneof(
    { weight: 20, arbitrary: json },
    { weight: 1, arbitrary: fc.tuple(json, fc.nat()).map(([text, at]) => text.slice(0, at % (text.length + 1))) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }) },
  );
}

/** Requests that are good cost a few steps. */
function cheap(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('model' in body)) return body;
  const { slingshot, model } = body as { slingshot?: unknown; model: unknown };
  const own = typeof slingshot === 'object' && slingshot !== null ? slingshot : {};
  return { ...body, ...(typeof model === 'string' ? { model: 'core' } : {}), slingshot: { ...own, steps: 1 } };
}
