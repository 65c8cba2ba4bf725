import * as z from 'zod';
import { generationIdSchema } from './generations.ts';

/** Tenants that one page has. */
export const tenantsAPage = 50;

export const tenantsQuerySchema = z.strictObject({
  after: z.string().max(63).optional().meta({ description: 'Only tenants whose names come after this one' }),
});

const amounts = {
  requests: z.int(),
  tokens: z.int(),
  steps: z.int(),
};

export const tenantsSchema = z
  .strictObject({
    object: z.literal('list'),
    has_more: z.boolean(),
    data: z.array(
      z
        .strictObject({
          name: z.string(),
          tier: z.string(),
          status: z.enum(['active', 'disabled', 'deleting']),
          created: z.int(),
          keys: z.int().meta({ description: 'How many it has' }),
          today: z.strictObject(amounts).meta({ description: 'Of its day, by UTC; what runs counts by its most' }),
          limits: z
            .strictObject({ ...amounts, generations: z.int().meta({ description: 'At once' }) })
            .nullable()
            .meta({ description: 'Of its tier; null for a tier that there is no more' }),
          generations: z
            .array(z.strictObject({ id: generationIdSchema, started: z.int() }))
            .meta({ description: 'In flight' }),
        })
        .meta({ id: 'TenantStanding' }),
    ),
  })
  .meta({ id: 'TenantList', description: 'For operators' });
export type TenantList = z.infer<typeof tenantsSchema>;

const routesSchema = z.array(z.strictObject({ from: z.number(), to: z.number(), model: z.string() }));
export const fleetSchema = z
  .strictObject({
    cores: z.array(z.strictObject({ name: z.string(), routes: routesSchema })),
    tenants: z.array(z.strictObject({ name: z.string(), routes: routesSchema })),
  })
  .meta({ id: 'Fleet', description: 'Who answers for which timesteps' });
export type ApiFleet = z.infer<typeof fleetSchema>;

/** Executions whose state is asked for, at most. */
export const executionsLookedAt = 50;

export const machineSchema = z
  .strictObject({
    definition: z.looseObject({}).meta({ description: 'In the Amazon States Language' }),
    running: z.int().meta({ description: 'Executions in flight' }),
    counted: z.int().meta({ description: `Of them, those whose state was looked up, at most ${executionsLookedAt}` }),
    states: z.record(z.string(), z.int()).meta({ description: 'How many are in each state' }),
  })
  .meta({ id: 'StateMachine', description: 'What a generation goes through' });
export type ApiMachine = z.infer<typeof machineSchema>;
