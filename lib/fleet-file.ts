import * as z from 'zod';
import { templates } from '../functions/contracts/catalog.ts';
import { validateRouting } from '../models/ssd2/routing.ts';

/** Who answers for which timesteps; a model's name alone: for all of them. */
const routesSchema = z.union([
  z.string().transform((model) => [{ from: 0, to: 1, model }]),
  z.array(z.strictObject({ from: z.number(), to: z.number(), model: z.string() })).min(1),
]);
type Routes = z.output<typeof routesSchema>;

const coreSchema = z.union([
  z.strictObject({ routes: routesSchema, template: z.enum(templates).default('plain') }),
  routesSchema.transform((routes) => ({ routes, template: 'plain' as const })),
]);
export const coresSchema = z
  .record(z.string(), coreSchema)
  .refine((cores) => Object.hasOwn(cores, 'core'), 'there must be a core')
  .superRefine((cores, context) => {
    for (const [name, { routes }] of Object.entries(cores)) refuseGaps(routes, [name], context);
  });

/** Of the generations that ask for `core`, the share that each of some other cores serves, from 0 to 1; the rest is core's own. */
export const sharesSchema = z
  .record(z.string(), z.number().min(0).max(1))
  .refine((shares) => !Object.hasOwn(shares, 'core'), 'core has what the others leave')
  .refine(
    (shares) => Object.values(shares).reduce((sum, share) => sum + share, 0) <= 1,
    'they are more than 1 together',
  );

/** What a folder's fleet.json says. */
export const fleetSchema = z.strictObject({
  cores: coresSchema,
  shares: sharesSchema.default({}),
  tenants: z.record(z.string(), routesSchema).superRefine((tenants, context) => {
    for (const [name, routes] of Object.entries(tenants)) refuseGaps(routes, [name], context);
  }),
});
export type FleetFile = z.output<typeof fleetSchema>;

/** Tenants' models as a configuration has them: a list, in which a name that comes twice is seen. */
export const tenantModelsSchema = z
  .array(z.strictObject({ name: z.string(), routes: routesSchema }))
  .superRefine((tenants, context) => {
    tenants.forEach(({ name, routes }, index) => {
      refuseGaps(routes, [index, 'routes'], context);
      const first = tenants.findIndex((other) => other.name === name);
      if (first === index) return;
      const message = `${name} is the name of ${first}, too; each tenant is there once`;
      context.addIssue({ code: 'custom', path: [index, 'name'], message });
    });
  })
  .transform((tenants) => Object.fromEntries(tenants.map(({ name, routes }) => [name, routes])));

function refuseGaps(routes: Routes, path: PropertyKey[], context: z.RefinementCtx): void {
  try {
    validateRouting(routes.map(({ model, ...range }) => ({ ...range, endpoint: { endpoint: model } })));
  } catch (error) {
    context.addIssue({ code: 'custom', path, message: (error as Error).message });
  }
}
