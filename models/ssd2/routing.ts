import * as z from 'zod';

/** Where a model answers: an endpoint, or one of its inference components; where that serves several, as which adapter. */
export const endpointSchema = z
  .strictObject({
    endpoint: z.string().min(1),
    component: z.string().min(1).optional(),
    adapter: z.string().min(1).optional(),
    /** The model that must answer there, by digest (see modelVersion); any when absent. */
    version: z.string().min(1).optional(),
  })
  .readonly();
export type Endpoint = z.infer<typeof endpointSchema>;

/** An endpoint's name for people and logs. */
export function endpointName({ endpoint, component, adapter }: Endpoint): string {
  return [endpoint, component, adapter].filter((part) => part !== undefined).join('/');
}

/** One entry of a routing table: the model that answers for timesteps above `from`, up to and including `to`. */
const routeSchema = z.strictObject({ from: z.number(), to: z.number(), endpoint: endpointSchema }).readonly();
export const routingSchema = z.array(routeSchema).min(1).readonly();
export type RoutingTable = z.infer<typeof routingSchema>;

/** Throws RangeError unless the ranges cover (0, 1] exactly once. */
export function validateRouting(table: RoutingTable): void {
  const sorted = [...table].sort((a, b) => a.from - b.from);
  let end = 0;
  for (const { from, to, endpoint } of sorted) {
    if (from !== end || to <= from) {
      throw new RangeError(
        `routes must cover (0, 1] exactly once: ${endpointName(endpoint)} answers for (${from}, ${to}] after ${end}`,
      );
    }
    end = to;
  }
  if (end !== 1) throw new RangeError(`routes must cover (0, 1] exactly once: they end at ${end}`);
}

export function endpointAt(table: RoutingTable, t: number): Endpoint {
  const route = table.find(({ from, to }) => t > from && t <= to);
  if (!route) throw new RangeError(`no route for t = ${t}`);
  return route.endpoint;
}
