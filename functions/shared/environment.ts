import { AsyncLocalStorage } from 'node:async_hooks';
import * as z from 'zod';
import { tiersTextSchema } from '../contracts/tiers.ts';

const schema = z.object({
  /** The object that says which endpoints serve the core and each tenant, as `s3://bucket/key`. */
  SLINGSHOT_CATALOG: z
    .templateLiteral(['s3://', z.string().regex(/[^/]+/), '/', z.string().min(1)])
    .transform((uri) => {
      const [bucket, ...key] = uri.slice('s3://'.length).split('/');
      return { bucket, key: key.join('/') };
    }),
  /** Where config.json and tokenizer.json, which all members share, lie. */
  SLINGSHOT_MODEL_DIRECTORY: z.string(),
  /** Bucket of what does not travel through a state machine: large messages, private contexts, reports. */
  SLINGSHOT_BUCKET: z.string(),
  /** Bucket of tenants' own models, once they are validated. */
  SLINGSHOT_MODEL_STORE: z.string(),
  /** What names of models' components begin with. */
  SLINGSHOT_PREFIX: z.string(),
  /** Names of the endpoints that tenants' own models are placed on. */
  SLINGSHOT_TENANT_ENDPOINTS: z.string().transform((names) => names.split(',')),
  /** The state machine that deploys tenants' own models. */
  SLINGSHOT_DEPLOY_MODEL_ARN: z.string().min(1),
  /** The longest message that does, in bytes. */
  SLINGSHOT_INLINE_BYTES: z.coerce.number().int().nonnegative(),
  /** Entries a position that a logits envelope keeps. */
  SLINGSHOT_KEPT: z.coerce.number().int().positive(),
  /** The deployment's id, by which tenants' names are turned into marks. */
  SLINGSHOT_DEPLOYMENT: z.string().min(1),
  /** The table of the service: keys, generations, usage. */
  SLINGSHOT_TABLE: z.string().min(1),
  /** The role whose sessions, tagged with a tenant's name, may touch that tenant's data alone. */
  SLINGSHOT_TENANT_ROLE: z.string().min(1),
  /** What a tenant of each tier may use, as JSON. */
  SLINGSHOT_TIERS: tiersTextSchema,
  /** Texts that one generation may make side by side. */
  SLINGSHOT_MOST_LANES: z.coerce.number().int().positive(),
  /** Rows of a batch that are run side by side. */
  SLINGSHOT_BATCH_LANES: z.coerce.number().int().positive(),
  /** The state machine of a batch. */
  SLINGSHOT_BATCH_ARN: z.string().min(1),
  /** The state machine of a whole generation. */
  SLINGSHOT_GENERATE_ARN: z.string().min(1),
  /** How long a stream may say nothing, in milliseconds, before it says that it is there. */
  SLINGSHOT_HEARTBEAT_MS: z.coerce.number().int().positive(),
  /** How long a generation waits for a model that wakes. */
  SLINGSHOT_WAKE_SECONDS: z.coerce.number().int().nonnegative(),
  SLINGSHOT_ENDPOINT_TIMEOUT_MS: z.coerce.number().int().positive(),
});

type Environment = z.output<typeof schema>;

const scope = new AsyncLocalStorage<Readonly<Record<string, string>>>();

/** Runs a function whose settings are its own, where several share a process; elsewhere they are the process'. */
export function withEnvironment<T>(environment: Readonly<Record<string, string>>, run: () => T): T {
  return scope.run(environment, run);
}

/** One setting; throws an error that names the variable when it is missing or malformed. */
export function setting<Name extends keyof Environment>(name: Name): Environment[Name] {
  const result = schema.shape[name].safeParse((scope.getStore() ?? process.env)[name]);
  if (!result.success) throw new Error(`environment variable ${name}: ${result.error.issues[0].message}`);
  return result.data as Environment[Name];
}
