/** One entry of a routing table: the model that answers for timesteps above `from`, up to and including `to`. */
export interface Route {
  readonly from: number;
  readonly to: number;
  readonly endpoint: string;
}

export type RoutingTable = readonly Route[];

/** Throws RangeError unless the ranges cover (0, 1] exactly once. */
export function validateRouting(table: RoutingTable): void {
  const sorted = [...table].sort((a, b) => a.from - b.from);
  let end = 0;
  for (const { from, to, endpoint } of sorted) {
    if (from !== end || to <= from) {
      throw new RangeError(
        `routes must cover (0, 1] exactly once: ${endpoint} answers for (${from}, ${to}] after ${end}`,
      );
    }
    end = to;
  }
  if (end !== 1) throw new RangeError(`routes must cover (0, 1] exactly once: they end at ${end}`);
}

export function endpointAt(table: RoutingTable, t: number): string {
  const route = table.find(({ from, to }) => t > from && t <= to);
  if (!route) throw new RangeError(`no route for t = ${t}`);
  return route.endpoint;
}
