import type { ProblemCode } from './problem.ts';
import { aboutRoutes } from './routes/about.ts';
import { administrationRoutes } from './routes/administration.ts';
import { batchRoutes } from './routes/batches.ts';
import { documentRoutes } from './routes/documents.ts';
import { modelRoutes } from './routes/models.ts';
import type { Route } from './routes/route.ts';
import { textRoutes } from './routes/texts.ts';

/** All routes of the service: its document, API Gateway's methods, the local front and the dispatch come from here. */
export const routes = {
  ...textRoutes,
  ...modelRoutes,
  ...documentRoutes,
  ...batchRoutes,
  ...administrationRoutes,
  ...aboutRoutes,
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
