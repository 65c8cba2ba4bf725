import * as z from 'zod';
import { defaultTiers, tiersSchema } from '../../functions/contracts/tiers.ts';
import { coresSchema, sharesSchema, tenantModelsSchema } from '../fleet-file.ts';
import { hasGpus } from './instance-types.ts';

const count = z.int().min(1);
const instanceType = z
  .string()
  .regex(/^ml\.[a-z0-9-]+\.[a-z0-9]+$/, 'is no SageMaker instance type, such as ml.g5.xlarge');
const providers = ['cuda', 'cpu'] as const;

/** Where models of one kind run. */
const placeSchema = (usual: string) =>
  z
    .strictObject({
      instanceType: instanceType.default(usual),
      /** What computes: by default cuda where the instance type has GPUs, else cpu. */
      provider: z.enum(providers).optional(),
      /** Instances of an endpoint at the start; by default one a model that takes a GPU, else one. */
      instances: count.optional(),
    })
    .refine(({ provider, instanceType: type }) => provider !== 'cuda' || hasGpus(type), {
      error: ({ input }) =>
        `cuda needs GPUs, and ${(input as { instanceType: string }).instanceType} has none; take a type of the families g or p, such as ml.g5.xlarge, or the provider cpu`,
      path: ['provider'],
    });

/** All that an operator decides, with what is usual; a stage may say otherwise of each. */
const sections = {
  /** Folder with the fleet's models; the shipped ones when absent. */
  models: z.string().min(1).optional(),
  /** Who answers for which timesteps, in the place of the folder's fleet.json. */
  routing: z
    .strictObject({
      cores: coresSchema.optional(),
      shares: sharesSchema.optional(),
      tenants: tenantModelsSchema.optional(),
    })
    .prefault({}),
  core: placeSchema('ml.g5.xlarge').prefault({}),
  tenants: placeSchema('ml.g4dn.xlarge')
    .safeExtend({
      /** Endpoints that tenants are spread over; absent: by their number. */
      endpoints: count.max(32).optional(),
    })
    .prefault({}),
  /** How endpoints follow their load. */
  scaling: z
    .strictObject({
      core: z
        .strictObject({ copies: z.strictObject({ min: count.default(1), max: count.default(4) }).prefault({}) })
        .refine(({ copies: { min, max } }) => min <= max, 'copies.min is more than copies.max')
        .prefault({}),
      tenants: z
        .strictObject({
          /** Whether a tenant's component that nobody asks goes away, until somebody does. */
          toZero: z.boolean().default(true),
          idleMinutes: count.max(1440).default(30),
          /** How long a generation waits for a component that wakes, unless it goes on without; 0 for not at all. */
          wakeSeconds: z.int().min(0).max(900).default(240),
          copies: count.max(16).default(2),
          /** Of an endpoint of tenants. */
          instances: count.max(64).default(8),
        })
        .prefault({}),
      /** Calls at the same time that a copy is meant to have. */
      concurrentRequests: count.max(256).default(4),
    })
    .prefault({}),
  /** What tenants of each tier may use. */
  quotas: tiersSchema.default(defaultTiers),
  keys: z
    .strictObject({
      /** Whether what holds data is encrypted with a key of the account's own. */
      customer: z.boolean().default(true),
    })
    .prefault({}),
  network: z
    .strictObject({
      /** Web origins whose pages may call the API. */
      corsOrigins: z.array(z.url('is no origin, such as https://console.example.com')).default([]),
      /** What the gateway lets through of all callers together. */
      requestsPerSecond: count.default(100),
      requestBurst: count.default(200),
      /** How long a stream may say nothing before it says that it is there; some gateways end one after 30. */
      heartbeatSeconds: z.number().min(0.1).max(25).default(15),
      /** Whether AWS WAF stands before the gateway. */
      firewall: z.boolean().default(false),
    })
    .prefault({}),
  retention: z
    .strictObject({
      logDays: z.literal([1, 3, 5, 7, 14, 30, 60, 90, 180, 365]).default(30),
      /** Whether CloudFormation refuses to delete the stack that holds data. */
      protectData: z.boolean().default(true),
    })
    .prefault({}),
  budget: z
    .strictObject({
      /** Told at half, four fifths and all of it. */
      dollarsAMonth: z.number().positive().optional(),
    })
    .prefault({}),
  alarms: z
    .strictObject({
      /** Who is told; nobody when absent, and the alarms are on the dashboard alone. */
      email: z.email('is no address').optional(),
    })
    .prefault({}),
  /** Entries a position that a logits envelope keeps. */
  kept: count.max(65_536).default(256),
};

/** A stage's settings, with everything filled in. */
export const settingsSchema = z.strictObject(sections);
export type Settings = z.output<typeof settingsSchema>;
export type SettingsInput = z.input<typeof settingsSchema>;

const stageName = z
  .string()
  .regex(/^[a-z][a-z0-9]{0,19}$/, 'has a lower-case letter, then letters and digits, at most 20 in all');

/** Where a stage is deployed, and in what it differs: a section's members replace those above. */
const stageSchema = z.looseObject({
  account: z
    .string()
    .regex(/^\d{12}$/, 'is no account: 12 digits, in quotes')
    .optional(),
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'is no region, such as eu-central-1')
    .optional(),
});

export const stagesSchema = z
  .record(stageName, stageSchema)
  .refine((stages) => Object.keys(stages).length > 0, 'has no stage');

/** What `slingshot.config.ts` exports. */
export interface SlingshotConfig extends SettingsInput {
  readonly stages: Readonly<Record<string, { readonly account?: string; readonly region?: string } & SettingsInput>>;
}
