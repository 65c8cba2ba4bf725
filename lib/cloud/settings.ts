import * as z from 'zod';
import { defaultTiers, tiersSchema, tiersTextSchema } from '../../functions/contracts/tiers.ts';
import { firstIssue } from '../../models/zod-issue.ts';

/** Settings come from the command line as text. */
const count = z.coerce.number().int().min(1);
const flag = z.union([z.boolean(), z.stringbool({ truthy: ['true'], falsy: ['false'] })]);
const instanceType = z
  .string()
  .regex(/^ml\.[a-z0-9-]+\.[a-z0-9]+$/, 'is no SageMaker instance type, such as ml.g5.xlarge');

const origins = z.array(z.url('is no origin, such as https://console.example.com'));

/** What an operator decides about a deployment, and the defaults. */
export const settingsSchema = z.strictObject({
  /** Folder with the fleet's models; the shipped ones when absent. */
  models: z.string().min(1).optional(),
  /** Tells deployments in one account and region apart. */
  stage: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9]{0,19}$/, 'has a letter, then letters and digits, at most 20 in all')
    .optional(),
  /** Entries a position that a logits envelope keeps. */
  kept: count.max(65_536).default(256),
  coreInstanceType: instanceType.default('ml.g5.xlarge'),
  /** Absent: one a core model, for types with one GPU. */
  coreInstances: count.optional(),
  tenantInstanceType: instanceType.default('ml.g4dn.xlarge'),
  /** Of each endpoint of tenants. Absent: one a tenant for types with GPUs, else one. */
  tenantInstances: count.optional(),
  /** Endpoints that tenants are spread over; absent: by their number. */
  tenantEndpoints: count.max(32).optional(),
  /** What tenants of each tier may use: JSON, by tier. */
  tiers: z.union([tiersSchema, tiersTextSchema]).default(defaultTiers),
  /** Whether what holds data is encrypted with a key of the account's own. */
  customerKey: flag.default(true),
  /** Web origins whose pages may call the API, with a comma between them. */
  corsOrigins: z
    .union([
      origins,
      z
        .string()
        .transform((text) => text.split(','))
        .pipe(origins),
    ])
    .default([]),
  /** What the gateway lets through of all callers together. */
  requestsPerSecond: count.default(100),
  requestBurst: count.default(200),
  /** Whether AWS WAF stands before the gateway. */
  firewall: flag.default(false),
});
export type Settings = z.output<typeof settingsSchema>;

/** The CDK's own context values have another shape: @aws-cdk/..., aws:cdk:..., a look-up's key, cli-telemetry. */
const ours = /^[A-Za-z]+$/;

/**
 * The settings among the context values of a CDK app.
 *
 * @throws Error naming the one that is wrong, or that there is not
 */
export function readSettings(context: Readonly<Record<string, unknown>>): Settings {
  const result = settingsSchema.safeParse(
    Object.fromEntries(Object.entries(context).filter(([name]) => ours.test(name))),
  );
  if (result.success) return result.data;
  const [{ code }] = result.error.issues;
  const known = code === 'unrecognized_keys' ? `; there are ${Object.keys(settingsSchema.shape).join(', ')}` : '';
  throw new Error(`settings (-c name=value): ${firstIssue(result.error, 'settings')}${known}`);
}
