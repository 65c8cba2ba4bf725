import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Caller } from '../../functions/contracts/caller.ts';
import { type Admission, admissionKey, admit, noneAdmitted, release } from '../../functions/shared/admission.ts';
import { withEnvironment } from '../../functions/shared/environment.ts';
import { meter, type Usage, usageOf } from '../../functions/shared/metering.ts';
import { TenantTable } from '../../functions/shared/table/tenant-table.ts';
import { type TenantStore, tenantStore } from '../support/tenant-store.ts';

const tier = { requestsPerDay: 20, tokensPerDay: 100, stepsPerDay: 1000, inFlight: 3, requestsPerSecond: 10 };
const noon = Date.parse('2026-11-26T12:00:00Z');
const cost = { requests: 1, tokens: 10, steps: 50 };

let store: TenantStore;
beforeAll(async () => {
  store = await tenantStore({ tiers: { small: tier, large: { ...tier, inFlight: 100, requestsPerDay: 1000 } } });
});
afterAll(() => store.stop());

const inStore = <T>(work: () => Promise<T>) => withEnvironment(store.environment, work);
const callerOf = (tenant: string, name = 'small'): Caller => ({ tenant, keyId: 'k', scopes: [], tier: name });
let tenants = 0;
async function newTenant(): Promise<string> {
  const tenant = `tenant-${tenants++}`;
  await inStore(() => TenantTable.of(tenant).put(admissionKey, noneAdmitted));
  return tenant;
}
const ask = (tenant: string, generation: string, now = noon, asked = cost) =>
  inStore(() => admit(callerOf(tenant), asked, generation, now));
const refused = (admission: Admission) => (admission.admitted ? undefined : admission.exhausted);

describe('admission', () => {
  it('counts requests, tokens and steps of a day, and generations in flight', async () => {
    const tenant = await newTenant();
    expect(await ask(tenant, 'g1')).toEqual({
      admitted: true,
      limit: { requests: 20, tokens: 100, steps: 1000, inFlight: 3 },
      remaining: { requests: 19, tokens: 90, steps: 950, inFlight: 2 },
      reset: 43_200,
    });
    await ask(tenant, 'g2');
    await ask(tenant, 'g3');
    expect(await ask(tenant, 'g4')).toMatchObject({ admitted: false, exhausted: 'inFlight', retryAfterSeconds: 1 });
    expect(await inStore(() => release(tenant, 'g2', { tokens: 4, steps: 20 }, noon))).toBe(true);
    expect(await ask(tenant, 'g4')).toMatchObject({
      admitted: true,
      remaining: { requests: 16, tokens: 66, steps: 830 },
    });
  });

  it('gives one request a whole day, and refuses for good what no day has room for', async () => {
    const whole = { ...cost, requests: 20, tokens: 100, steps: 1000 };
    expect(await ask(await newTenant(), 'g1', noon, whole)).toMatchObject({
      ...{ admitted: true, remaining: { requests: 0, tokens: 0, steps: 0 } },
    });
    const tenant = await newTenant();
    for (const what of ['requests', 'tokens', 'steps'] as const) {
      const more = { ...whole, [what]: whole[what] + 1 };
      const line = `${what}: may be ${more[what]}, the tenant has ${whole[what]} a day`;
      await expect(ask(tenant, 'g1', noon, more)).rejects.toThrow(line);
    }
  });

  it('says that a used up day ends at midnight, and begins anew then', async () => {
    const tenant = await newTenant();
    await ask(tenant, 'g1', noon, { ...cost, tokens: 95 });
    expect(await ask(tenant, 'g2')).toMatchObject({ exhausted: 'tokens', retryAfterSeconds: 43_200 });
    expect(await ask(tenant, 'g2', noon + 43_200_000)).toMatchObject({ admitted: true, remaining: { tokens: 90 } });
    // What the day before took is not given back to this one.
    await inStore(() => release(tenant, 'g1', { tokens: 0, steps: 0 }, noon + 43_300_000));
    expect(await ask(tenant, 'g3', noon + 43_400_000)).toMatchObject({ remaining: { tokens: 80, inFlight: 1 } });
  });

  it('takes nothing twice for one generation, and gives nothing back twice', async () => {
    const tenant = await newTenant();
    const both = await Promise.all([ask(tenant, 'g1'), ask(tenant, 'g1')]);
    for (const one of both) expect(one).toMatchObject({ admitted: true, remaining: { requests: 19, inFlight: 2 } });
    const nothing = { tokens: 0, steps: 0 };
    const released = await Promise.all([1, 2, 3].map(() => inStore(() => release(tenant, 'g1', nothing, noon))));
    expect(released.filter(Boolean)).toHaveLength(1);
    expect(await ask(tenant, 'g2')).toMatchObject({ remaining: { requests: 18, tokens: 90, inFlight: 2 } });
  });

  it('forgets a generation that vanished, after an hour', async () => {
    const tenant = await newTenant();
    for (const id of ['g1', 'g2', 'g3']) await ask(tenant, id);
    expect(refused(await ask(tenant, 'g4', noon + 3_599_000))).toBe('inFlight');
    expect(await ask(tenant, 'g4', noon + 3_600_000)).toMatchObject({ admitted: true, remaining: { inFlight: 2 } });
  });

  it('says about when a place will be free, by how long generations took', async () => {
    const tenant = await newTenant();
    for (let i = 0; i < 6; i++) {
      await ask(tenant, `g${i}`, noon + 60_000 * i);
      await inStore(() => release(tenant, `g${i}`, { tokens: 0, steps: 0 }, noon + 60_000 * i + 30_000));
    }
    const later = noon + 600_000;
    for (const id of ['a', 'b', 'c']) await ask(tenant, id, later);
    const answer = await ask(tenant, 'd', later + 2_000);
    expect(answer).toMatchObject({ admitted: false, exhausted: 'inFlight' });
    // The mean of the last ones is 22.4 s, for it began at 1 s; of three places one is free each 7.5 s.
    const others: Admission[] = [];
    for (let i = 0; i < 30; i++) others.push(await ask(tenant, `e${i}`, later + 2_000));
    const told = [answer, ...others].map((one) => (one as { retryAfterSeconds: number }).retryAfterSeconds);
    expect(told.slice(0, 6)).toEqual([21, 28, 36, 43, 51, 58]);
    // Clients wait a minute at most: whoever comes after is told the same times.
    expect(Math.max(...told)).toBeLessThanOrEqual(60);
    for (const time of told) expect(told.filter((other) => other === time).length).toBeLessThanOrEqual(6);
  });

  it('refuses what no day has room for, and a tenant that there is not', async () => {
    const tenant = await newTenant();
    await expect(ask(tenant, 'g', noon, { ...cost, tokens: 101 })).rejects.toThrow(
      'tokens: may be 101, the tenant has 100',
    );
    await expect(ask('nobody', 'g')).rejects.toThrow('tenant nobody: there is none');
    await expect(inStore(() => admit(callerOf(tenant, 'huge'), cost, 'g'))).rejects.toThrow('tier huge: there is none');
  });

  it('never takes more than there is, whoever comes at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ tokens: fc.integer({ min: 1, max: 40 }), again: fc.boolean() }), {
          minLength: 5,
          maxLength: 15,
        }),
        async (asked) => {
          const tenant = await newTenant();
          const admitted = await Promise.all(
            asked.map(async ({ tokens, again }, index) => {
              const one = () => ask(tenant, `g${index}`, noon, { ...cost, tokens });
              const [first] = await Promise.all([one(), ...(again ? [one()] : [])]);
              return first.admitted ? tokens : 0;
            }),
          );
          expect(admitted.filter((tokens) => tokens > 0).length).toBeLessThanOrEqual(tier.inFlight);
          const taken = admitted.reduce((sum, tokens) => sum + tokens, 0);
          expect(taken).toBeLessThanOrEqual(tier.tokensPerDay);
          const item = await inStore(() => TenantTable.of(tenant).get(admissionKey));
          expect(item).toMatchObject({ tokens: taken, requests: admitted.filter((tokens) => tokens > 0).length });
        },
      ),
      { numRuns: 8 },
    );
  });

  it('of one tenant leaves the others alone', async () => {
    const [noisy, quiet] = [await newTenant(), await newTenant()];
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(noisy, `n${i}`)));
    expect(answers.filter(({ admitted }) => admitted)).toHaveLength(tier.inFlight);
    expect(await ask(quiet, 'q')).toMatchObject({ admitted: true, remaining: { requests: 19, inFlight: 2 } });
  });
});

describe('metering', () => {
  const usage = (changes: Partial<Usage> = {}): Usage => ({
    ...{ generation: 'g1', keyId: 'key1', model: 'core+acme', createdAt: '2026-11-26T12:00:00Z', status: 'succeeded' },
    ...{
      tokens: 25,
      steps: 60,
      models: { core: { steps: 60, milliseconds: 900 }, acme: { steps: 60, milliseconds: 90 } },
    },
    ...changes,
  });

  it('records a generation once, whatever is said of it later or at the same time', async () => {
    const tenant = await newTenant();
    const done = await Promise.all([1, 2, 3].map(() => inStore(() => meter(tenant, usage()))));
    expect(done.filter(Boolean)).toHaveLength(1);
    expect(await inStore(() => meter(tenant, usage({ tokens: 999, status: 'failed' })))).toBe(false);
    const rows = await inStore(() => usageOf(tenant, { from: '2026-11-26', to: '2026-11-26' }));
    expect(rows).toEqual([
      {
        ...{ day: '2026-11-26', model: 'core+acme', keyId: 'key1', requests: 1, tokens: 25, steps: 60 },
        ...{ degradedTokens: 0, models: usage().models },
      },
    ]);
  });

  it('sums by day, model and key, within the days asked for', async () => {
    const tenant = await newTenant();
    const all: Partial<Usage>[] = [
      { generation: 'a', createdAt: '2026-11-24T23:59:59Z' },
      { generation: 'b', createdAt: '2026-11-25T00:00:00Z' },
      { generation: 'c', createdAt: '2026-11-25T10:00:00Z', keyId: 'key2' },
      { generation: 'd', createdAt: '2026-11-25T10:00:00Z' },
      {
        generation: 'e',
        createdAt: '2026-11-26T10:00:00Z',
        model: 'core',
        models: { core: { steps: 1, milliseconds: 5 } },
      },
      { generation: 'f', createdAt: '2026-11-27T00:00:00Z' },
    ];
    for (const one of all) await inStore(() => meter(tenant, usage(one)));
    const rows = await inStore(() => usageOf(tenant, { from: '2026-11-25', to: '2026-11-26' }));
    expect(rows.map(({ day, model, keyId, requests, tokens }) => [day, model, keyId, requests, tokens])).toEqual([
      ['2026-11-25', 'core+acme', 'key1', 2, 50],
      ['2026-11-25', 'core+acme', 'key2', 1, 25],
      ['2026-11-26', 'core', 'key1', 1, 25],
    ]);
    expect(rows[0].models.core).toEqual({ steps: 120, milliseconds: 1800 });
  });
});
