import { z } from 'zod';

const routeSchema = z.strictObject({ from: z.number(), to: z.number(), endpoint: z.string().min(1) });
export const routingSchema = z.array(routeSchema).min(1);

/** Who serves what: the routing table of each role. */
export const catalogSchema = z.strictObject({
  core: routingSchema,
  tenants: z.record(z.string(), routingSchema),
});
export type Catalog = z.infer<typeof catalogSchema>;
