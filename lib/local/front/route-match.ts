import type { Route } from '../../../functions/contracts/routes/route.ts';
import { type RouteId, routeIds, routes } from '../../../functions/contracts/routes.ts';

export interface Match {
  readonly id: RouteId;
  readonly route: Route;
  /** As they were written. */
  readonly params: Readonly<Record<string, string>>;
}

const patterns = routeIds.map((id) => {
  const route: Route = routes[id];
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const literal = route.path.replaceAll(/[.]/g, '\\.').replaceAll(/\{\w+\}/g, '([^/]+)');
  return { id, route, names, pattern: new RegExp(`^${literal}$`) };
});

/** The route of a request; or the methods of its path, where that has others. */
export function matchRoute(method: string, path: string): Match | { readonly methods: readonly string[] } {
  const methods: string[] = [];
  for (const { id, route, names, pattern } of patterns) {
    const found = pattern.exec(path);
    if (!found) continue;
    if (route.method !== method) methods.push(route.method);
    else return { id, route, params: Object.fromEntries(names.map((name, i) => [name, found[i + 1]])) };
  }
  return { methods };
}
