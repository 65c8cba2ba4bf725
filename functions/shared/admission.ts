import type { Caller } from '../contracts/caller.ts';
import { type Limited, limited, type Tier } from '../contracts/tiers.ts';
import { setting } from './environment.ts';
import { InvalidRequest, StoreUnavailable } from './errors.ts';
import { TenantTable } from './table/tenant-table.ts';

/** What a generation may cost at most, or did cost. */
export interface Cost {
  readonly requests: number;
  /** Committed, over all lanes. */
  readonly tokens: number;
  /** Denoise steps, over all lanes. */
  readonly steps: number;
}

type Amounts = Readonly<Record<Limited, number>>;

interface Standing {
  readonly limit: Amounts;
  readonly remaining: Amounts;
  /** Seconds until the day's counters begin anew. */
  readonly reset: number;
}

export type Admission =
  | ({ readonly admitted: true } & Standing)
  | ({
      readonly admitted: false;
      /** What there is too little of. */
      readonly exhausted: Limited;
      readonly retryAfterSeconds: number;
    } & Standing);

/** A generation in flight, and what it has taken of its day. */
interface Lease {
  readonly startedAt: number;
  /** From then on it counts no more, whatever became of the generation. */
  readonly expiresAt: number;
  readonly tokens: number;
  readonly steps: number;
}

/** A tenant's counters. An item that is not there is a tenant that there is no more. */
export interface AdmissionItem {
  /** Of the counters: UTC's, ISO 8601. */
  readonly day: string;
  readonly requests: number;
  readonly tokens: number;
  readonly steps: number;
  readonly leases: Readonly<Record<string, Lease>>;
  /** How long the last generations took, on average, in milliseconds. */
  readonly mean: number;
}

export const admissionKey = 'ADMISSION';

/** The counters of a new tenant. */
export const noneAdmitted: AdmissionItem = { day: '', requests: 0, tokens: 0, steps: 0, leases: {}, mean: 1000 };

/** As long as a generation is thought to take at most: how long one that vanished counts. */
const leaseMilliseconds = 3_600_000;
/** A change is tried again when another came between: with each, somebody got on. */
const attempts = 50;
/** The share of the newest generation in the mean. */
const newest = 0.2;

/**
 * Takes what a generation may cost out of its tenant's day, and a place among those in flight; or says what there is too
 * little of, and when there will be more. It is one conditional write, so that callers at the same time never take more
 * than there is. Asking again for the same generation takes nothing more.
 *
 * @throws InvalidRequest for what a whole day has no room for; StoreUnavailable; StoreRejected
 */
export async function admit(caller: Caller, cost: Cost, generation: string, now = Date.now()): Promise<Admission> {
  const tier = tierOf(caller);
  refuseImpossible(cost, tier);
  const table = TenantTable.of(caller.tenant);
  const day = dayOf(now);
  const { requests, tokens, steps } = cost;
  const lease: Lease = { startedAt: now, expiresAt: now + leaseMilliseconds, tokens, steps };
  for (let attempt = 0; attempt < attempts; attempt++) {
    const taken = await table.update<AdmissionItem>(
      admissionKey,
      'SET leases.#g = :lease, requests = requests + :requests, tokens = tokens + :tokens, steps = steps + :steps',
      {
        condition:
          '#day = :day AND attribute_not_exists(leases.#g) AND size(leases) < :inFlight AND ' +
          'requests <= :requestsBefore AND tokens <= :tokensBefore AND steps <= :stepsBefore',
        names: { '#day': 'day', '#g': generation },
        values: {
          ...{ ':lease': lease, ':day': day, ':inFlight': tier.inFlight },
          ...{ ':requests': requests, ':requestsBefore': tier.requestsPerDay - requests },
          ...{ ':tokens': tokens, ':tokensBefore': tier.tokensPerDay - tokens },
          ...{ ':steps': steps, ':stepsBefore': tier.stepsPerDay - steps },
        },
      },
    );
    if (taken) return { admitted: true, ...standing(taken, tier, now) };
    const found = await table.get<AdmissionItem>(admissionKey);
    if (!found) throw new InvalidRequest(`tenant ${caller.tenant}: there is none`);
    if (Object.hasOwn(found.leases, generation)) return { admitted: true, ...standing(found, tier, now) };
    if (found.day !== day) await beginDay(table, found, day);
    else if (!(await dropExpired(table, found, now))) {
      const refused = refusal(found, { tier, cost, tenant: caller.tenant, now });
      if (refused) return refused;
    }
  }
  throw new StoreUnavailable(`tenant ${caller.tenant}: too many requests change its counters at the same time`);
}

/**
 * Gives back a generation's place and what it did not use. Once: a second call for the same generation does nothing.
 *
 * @param used what it cost; the requests stay counted
 * @returns whether this call did it
 */
export async function release(
  tenant: string,
  generation: string,
  used: Omit<Cost, 'requests'>,
  now = Date.now(),
): Promise<boolean> {
  const table = TenantTable.of(tenant);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const found = await table.get<AdmissionItem>(admissionKey);
    const lease = found?.leases[generation];
    if (!found || !lease) return false;
    const sameDay = dayOf(lease.startedAt) === found.day;
    const released = await table.update(
      admissionKey,
      'SET tokens = tokens - :tokens, steps = steps - :steps, #mean = :mean REMOVE leases.#g',
      {
        condition: '#day = :day AND attribute_exists(leases.#g)',
        names: { '#day': 'day', '#mean': 'mean', '#g': generation },
        values: {
          ':day': found.day,
          ':tokens': sameDay ? lease.tokens - used.tokens : 0,
          ':steps': sameDay ? lease.steps - used.steps : 0,
          ':mean': Math.round((1 - newest) * found.mean + newest * (now - lease.startedAt)),
        },
      },
    );
    if (released) return true;
  }
  throw new StoreUnavailable(`tenant ${tenant}: too many requests change its counters at the same time`);
}

export function tierOf({ tier: name }: Pick<Caller, 'tier'>): Tier {
  const tiers = setting('SLINGSHOT_TIERS');
  if (Object.hasOwn(tiers, name)) return tiers[name];
  throw new Error(`tier ${name}: there is none; there are ${Object.keys(tiers).join(', ')}`);
}

/** UTC's day, ISO 8601. */
export function dayOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 10);
}

function refuseImpossible({ requests, tokens, steps }: Cost, tier: Tier): void {
  const asked = { requests, tokens, steps };
  const daily = { requests: tier.requestsPerDay, tokens: tier.tokensPerDay, steps: tier.stepsPerDay };
  for (const [what, amount] of Object.entries(asked)) {
    const most = daily[what as keyof typeof daily];
    if (amount > most) throw new InvalidRequest(`${what}: may be ${amount}, the tenant has ${most} a day`);
  }
}

async function beginDay(table: TenantTable, { day: before }: AdmissionItem, day: string): Promise<void> {
  await table.update(admissionKey, 'SET #day = :day, requests = :none, tokens = :none, steps = :none', {
    condition: '#day = :before',
    names: { '#day': 'day' },
    values: { ':day': day, ':before': before, ':none': 0 },
  });
}

/** Removes the leases of generations that vanished. @returns whether there were any */
async function dropExpired(table: TenantTable, { leases }: AdmissionItem, now: number): Promise<boolean> {
  const expired = Object.entries(leases).filter(([, { expiresAt }]) => expiresAt <= now);
  for (const [generation, { expiresAt }] of expired) {
    await table.update(admissionKey, 'REMOVE leases.#g', {
      condition: 'leases.#g.expiresAt = :expiresAt',
      names: { '#g': generation },
      values: { ':expiresAt': expiresAt },
    });
  }
  return expired.length > 0;
}

interface Asked {
  readonly tier: Tier;
  readonly cost: Cost;
  readonly tenant: string;
  readonly now: number;
}

/** Why the write did not go through, or undefined when by now it would. */
function refusal(found: AdmissionItem, { tier, cost, tenant, now }: Asked): Admission | undefined {
  const state = standing(found, tier, now);
  const asked: Amounts = { ...cost, inFlight: 1 };
  const exhausted = limited.find((what) => state.remaining[what] < asked[what]);
  if (!exhausted) return undefined;
  const wait = exhausted === 'inFlight' ? Math.ceil((turnOf(tenant, found, tier, now) - now) / 1000) : state.reset;
  return { admitted: false, exhausted, retryAfterSeconds: Math.max(1, wait), ...state };
}

/** Clients that are told to wait longer do not. */
const longestTurn = 60_000;
/** Tenants of whom it is remembered who was told to come when. */
const rememberedTenants = 1000;
/** When the last one of each tenant that was refused has its turn, in milliseconds since 1970. */
const lastTurns = new Map<string, number>();

/**
 * When there is likely to be room for one that is refused: the first when the oldest in flight should end, each after it a
 * share of a generation's time later. All at once would be refused again, and cost everybody's time. It is this
 * process' memory alone: another's callers are told the same times, which costs them a second try.
 */
function turnOf(tenant: string, { leases, mean }: AdmissionItem, { inFlight }: Tier, now: number): number {
  const free = Math.min(...Object.values(leases).map(({ startedAt }) => startedAt + mean));
  const first = Math.max(now, free);
  const next = Math.max(first, (lastTurns.get(tenant) ?? 0) + mean / inFlight);
  // Where nobody would wait so long, the same times are told once more.
  const turn = next > now + longestTurn ? first : next;
  lastTurns.delete(tenant);
  lastTurns.set(tenant, turn);
  if (lastTurns.size > rememberedTenants) lastTurns.delete(lastTurns.keys().next().value as string);
  return turn;
}

function standing(item: AdmissionItem, tier: Tier, now: number): Standing {
  const limit: Amounts = {
    requests: tier.requestsPerDay,
    tokens: tier.tokensPerDay,
    steps: tier.stepsPerDay,
    inFlight: tier.inFlight,
  };
  const taken: Amounts = { ...item, inFlight: Object.keys(item.leases).length };
  const remaining = Object.fromEntries(limited.map((what) => [what, Math.max(0, limit[what] - taken[what])]));
  const midnight = Date.parse(`${dayOf(now)}T00:00:00Z`) + 86_400_000;
  return { limit, remaining: remaining as Amounts, reset: Math.ceil((midnight - now) / 1000) };
}
