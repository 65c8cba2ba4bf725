import { z } from 'zod';

const routeSchema = z.strictObject({ from: z.number(), to: z.number(), endpoint: z.string().min(1) });
export const routingSchema = z.array(routeSchema).min(1);

/** How a prompt reaches a core: as it is, or as the instruction that it was tuned to follow. */
export const templates = ['plain', 'instruction'] as const;

/** Who serves what: the routing table of each core, `core` unless another is asked for, and of each tenant. */
export const catalogSchema = z.strictObject({
  cores: z.record(z.string(), z.strictObject({ routes: routingSchema, template: z.enum(templates) })),
  tenants: z.record(z.string(), routingSchema),
});
export type Catalog = z.infer<typeof catalogSchema>;
