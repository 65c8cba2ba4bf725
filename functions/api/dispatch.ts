import type { APIGatewayProxyEvent } from 'aws-lambda';
import { callerOf } from '../contracts/caller.ts';
import { ApiError, problemHeaders, problemOf } from '../contracts/problem.ts';
import type { Route } from '../contracts/routes/route.ts';
import { type RouteId, routeOf, routes } from '../contracts/routes.ts';
import { logger } from '../shared/lambda.ts';
import { logProblem } from '../shared/log-failure.ts';
import { apiErrorOf } from './api-errors.ts';
import type { ApiResponse, Headers, Reader } from './http.ts';
import { parseRequest } from './parse-request.ts';

/** The handlers of a function's routes, whose requests have their own types. */
export type AnyHandlers = Readonly<Partial<Record<RouteId, (request: never) => Promise<ApiResponse>>>>;

/** A response with all its headers. Every error is a problem document. */
export async function dispatch(
  event: APIGatewayProxyEvent,
  handlers: AnyHandlers,
  reader: Reader,
): Promise<ApiResponse> {
  const { requestId } = event.requestContext;
  const own = { 'x-request-id': requestId };
  try {
    const response = await inTime(route(event, handlers, reader), reader);
    return { ...response, headers: { ...own, 'content-type': 'application/json', ...response.headers } };
  } catch (thrown) {
    const error = apiErrorOf(thrown);
    logProblem(logger, error);
    const headers: Headers = { ...own, ...problemHeaders(error) };
    return { status: error.status, headers, body: problemOf(error, requestId) };
  }
}

async function route(event: APIGatewayProxyEvent, handlers: AnyHandlers, reader: Reader): Promise<ApiResponse> {
  const id = routeOf(event.httpMethod, event.resource);
  const handler = id && handlers[id];
  if (!id || !handler) throw new ApiError('not_found', `${event.httpMethod} ${event.path}: there is no such route`);
  const { scope }: Route = routes[id];
  const caller = scope === undefined ? undefined : callerOf(event);
  const enough = scope === undefined ? [] : [scope].flat();
  if (enough.length > 0 && !enough.some((one) => caller?.scopes.includes(one))) {
    throw new ApiError('insufficient_scope', `the key is not for ${enough.join(', or ')}`);
  }
  return handler({ ...parseRequest(id, event), caller, reader } as never);
}

/** @throws ApiError when no answer came in time; an answer that is waited for ends by itself before */
async function inTime<T>(answer: Promise<T>, { until }: Reader): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new ApiError('store_unavailable', 'no answer came in time; try again')),
    until - Date.now() + 1_000,
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
