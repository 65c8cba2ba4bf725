import * as z from 'zod';
import { readTextSync } from '../../models/files/read-text.ts';
import { firstIssue } from '../../models/zod-issue.ts';

const positive = z.number().positive();
const count = z.int().min(1);

/** What a cost is asked of. Milliseconds are of one step of one lane, as measured where the fleet is to run. */
export const scenarioSchema = z.strictObject({
  generationsPerTenantPerDay: positive.default(20),
  tokensPerGeneration: count.default(100),
  /** Of the tenants that there are, the share that asks on a day. */
  active: z.number().gt(0).max(1).default(0.3),
  block: count.default(25),
  stepsPerBlock: count.default(24),
  coreInstance: z.string().default('ml.g5.xlarge'),
  tenantInstance: z.string().default('ml.g4dn.xlarge'),
  /** Tenants' components that an instance of theirs holds: one on each of its GPUs, one on each but one of its processors. */
  tenantsPerInstance: count.default(1),
  /** How long a tenant's component stays that nobody asks. */
  idleMinutes: positive.default(30),
  coreMilliseconds: positive.default(12),
  tenantMilliseconds: positive.default(8),
  /** Of a step: merging and projecting, and what a call takes beside the model. */
  reduceMilliseconds: positive.default(8),
  transportMilliseconds: positive.default(10),
  /** Of a generation before its first step: admission, tokens, its context's pass. */
  startMilliseconds: positive.default(100),
  /** Of a state machine's turn: an Express one has one a visit, a Standard one a block. */
  expressHopMilliseconds: positive.default(19),
  standardHopMilliseconds: positive.default(160),
  /** How much of an instance's time may be used on average, so that peaks do not wait long. */
  utilisation: z.number().gt(0).max(1).default(0.5),
  memoryGigabytes: positive.default(1.769),
});
export type Scenario = z.output<typeof scenarioSchema>;

/** @throws Error */
export function readScenario(path?: string): Scenario {
  if (path === undefined) return scenarioSchema.parse({});
  let json: unknown;
  try {
    json = JSON.parse(readTextSync(path));
  } catch (cause) {
    throw new Error(`${path}: ${(cause as Error).message}`, { cause });
  }
  const result = scenarioSchema.safeParse(json);
  if (!result.success) throw new Error(`${path}: ${firstIssue(result.error, 'the file')}`);
  return result.data;
}
