import type { Tier } from '../../contracts/tiers.ts';
import { type AdmissionItem, admissionKey, dayOf } from '../admission.ts';
import { StoreUnavailable } from '../errors.ts';
import { TenantTable } from '../table/tenant-table.ts';
import type { Room } from './costs.ts';

/** What a batch has taken of its tenant's day. It lies among the counters, so that both change in one write. */
interface Taken extends Room {
  readonly day: string;
  readonly run: number;
}

const attempts = 20;
const attribute = (batch: string) => `batch:${batch}`;
const none: Room = { requests: 0, tokens: 0, steps: 0 };

/** What is left of a tenant's day. @throws StoreUnavailable */
export async function roomToday(tenant: string, tier: Tier, now = Date.now()): Promise<Room> {
  const found = await TenantTable.of(tenant).get<AdmissionItem>(admissionKey);
  const used: Room = found && found.day === dayOf(now) ? found : none;
  return {
    requests: Math.max(0, tier.requestsPerDay - used.requests),
    tokens: Math.max(0, tier.tokensPerDay - used.tokens),
    steps: Math.max(0, tier.stepsPerDay - used.steps),
  };
}

/** Takes what a run may use out of its tenant's day. Once; @returns whether there was room */
export async function takeOfDay(
  tenant: string,
  tier: Tier,
  { batch, run }: { readonly batch: string; readonly run: number },
  cost: Room,
  now = Date.now(),
): Promise<boolean> {
  const table = TenantTable.of(tenant);
  const day = dayOf(now);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const found = (await table.get(admissionKey)) as (AdmissionItem & Record<string, Taken>) | undefined;
    if (!found) return false;
    if (found[attribute(batch)]?.run === run) return true;
    const today: Room = found.day === day ? found : none;
    const fits =
      today.requests + cost.requests <= tier.requestsPerDay &&
      today.tokens + cost.tokens <= tier.tokensPerDay &&
      today.steps + cost.steps <= tier.stepsPerDay;
    if (!fits) return false;
    const sums: Room = {
      requests: today.requests + cost.requests,
      tokens: today.tokens + cost.tokens,
      steps: today.steps + cost.steps,
    };
    if (await change(table, found, { day, sums, set: { ...cost, day, run }, batch })) return true;
  }
  throw busy(tenant);
}

/** Gives back what a run did not use of what it took. Once. */
export async function giveBackToday(
  tenant: string,
  batch: string,
  used: Pick<Room, 'tokens' | 'steps'>,
  now = Date.now(),
): Promise<void> {
  const table = TenantTable.of(tenant);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const found = (await table.get(admissionKey)) as (AdmissionItem & Record<string, Taken>) | undefined;
    const taken = found?.[attribute(batch)];
    if (!found || !taken) return;
    const sameDay = taken.day === found.day && found.day === dayOf(now);
    const sums: Room = {
      requests: found.requests,
      tokens: Math.max(0, found.tokens - (sameDay ? Math.max(0, taken.tokens - used.tokens) : 0)),
      steps: Math.max(0, found.steps - (sameDay ? Math.max(0, taken.steps - used.steps) : 0)),
    };
    if (await change(table, found, { day: found.day, sums, batch })) return;
  }
  throw busy(tenant);
}

interface Change {
  readonly day: string;
  readonly sums: Room;
  /** What the batch has from then on; nothing when absent. */
  readonly set?: Taken;
  readonly batch: string;
}

/** @returns whether the counters were still as they were found */
async function change(table: TenantTable, found: AdmissionItem, { day, sums, set, batch }: Change): Promise<boolean> {
  const assigned = 'SET #day = :day, requests = :requests, tokens = :tokens, steps = :steps';
  const changed = await table.update(admissionKey, `${assigned}${set ? ', #batch = :set' : ' REMOVE #batch'}`, {
    condition: '#day = :dayBefore AND requests = :r AND tokens = :t AND steps = :s',
    names: { '#day': 'day', '#batch': attribute(batch) },
    values: {
      ...{ ':day': day, ':requests': sums.requests, ':tokens': sums.tokens, ':steps': sums.steps },
      ...{ ':dayBefore': found.day, ':r': found.requests, ':t': found.tokens, ':s': found.steps },
      ...(set ? { ':set': set } : {}),
    },
  });
  return changed !== undefined;
}

function busy(tenant: string): StoreUnavailable {
  return new StoreUnavailable(`tenant ${tenant}: too many requests change its counters at the same time`);
}
