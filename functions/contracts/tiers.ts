import * as z from 'zod';

const most = z.int().min(1);

/** What a tenant of a tier may use. Days are UTC's. */
const tierSchema = z
  .strictObject({
    requestsPerDay: most,
    /** Committed tokens. */
    tokensPerDay: most,
    /** Denoise steps of lanes. */
    stepsPerDay: most,
    /** Generations at the same time. */
    inFlight: most.max(1000),
    /** Of all tenants of the tier together, before anything is looked up. */
    requestsPerSecond: most.max(10_000),
  })
  .readonly();
export type Tier = z.output<typeof tierSchema>;

export const tiersSchema = z
  .record(z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'has lower-case letters, digits and hyphens'), tierSchema)
  .refine((tiers) => Object.keys(tiers).length > 0, 'has no tier')
  .readonly();
export type Tiers = z.output<typeof tiersSchema>;

/** Tiers as the JSON text that a setting is. */
export const tiersTextSchema = z
  .string()
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'is not JSON' });
      return z.NEVER;
    }
  })
  .pipe(tiersSchema);

/** Of a deployment that sets none. */
export const defaultTiers: Tiers = {
  trial: { requestsPerDay: 500, tokensPerDay: 50_000, stepsPerDay: 500_000, inFlight: 2, requestsPerSecond: 20 },
  standard: {
    requestsPerDay: 20_000,
    tokensPerDay: 2_000_000,
    stepsPerDay: 20_000_000,
    inFlight: 8,
    requestsPerSecond: 100,
  },
  large: {
    requestsPerDay: 200_000,
    tokensPerDay: 50_000_000,
    stepsPerDay: 500_000_000,
    inFlight: 64,
    requestsPerSecond: 500,
  },
};

/** What a tier limits of its tenants. */
export const limited = ['requests', 'tokens', 'steps', 'inFlight'] as const;
export type Limited = (typeof limited)[number];

export const defaultTier = 'standard';

/** What API Gateway counts a tier's requests by. It is no secret: it opens nothing. */
export const usageKey = (tier: string) => `slingshot-usage-of-tier-${tier}`;

/** For how long API Gateway, and the local front, remember what a key is: so long a disabled one may go on working. */
export const authoriserCacheSeconds = 60;
