import * as z from 'zod';
import { routingSchema } from '../../models/ssd2/routing.ts';

/** How a prompt reaches a core: as it is, or as the instruction that it was tuned to follow. */
export const templates = ['plain', 'instruction'] as const;
export type Template = (typeof templates)[number];

/** Who serves what: the routing table of each core, `core` unless another is asked for, and of each tenant. */
export const catalogSchema = z
  .strictObject({
    cores: z
      .record(z.string(), z.strictObject({ routes: routingSchema, template: z.enum(templates) }).readonly())
      .readonly(),
    tenants: z.record(z.string(), routingSchema).readonly(),
    /** Of the generations that ask for `core`, how many each of some other cores serves; see sharesSchema. */
    shares: z.record(z.string(), z.number()).readonly().optional(),
  })
  .readonly();
export type Catalog = z.infer<typeof catalogSchema>;
