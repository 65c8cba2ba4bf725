import type { GenerationStatus } from '../contracts/generation-record.ts';
import { dayOf } from './admission.ts';
import { expiryAttribute, type Partition } from './table/partition.ts';
import { TenantTable } from './table/tenant-table.ts';

/** Of one model, in a generation or summed. */
export interface ModelUsage {
  /** Denoise steps of lanes that it answered. */
  readonly steps: number;
  /** Spent in the model. */
  readonly milliseconds: number;
}

/** What a generation used. */
export interface Usage {
  readonly generation: string;
  /** Of the API key that it was asked for with. */
  readonly keyId: string;
  /** What the caller called the model. */
  readonly model: string;
  /** When it was admitted, ISO 8601; the day of the record is this one's. */
  readonly createdAt: string;
  readonly status: GenerationStatus;
  /** Committed, over all lanes. */
  readonly tokens: number;
  /** Denoise steps, over all lanes. */
  readonly steps: number;
  /** Of the tokens, those that were made without members that were lost; none when absent. */
  readonly degradedTokens?: number;
  /** By the name of the model that answered. */
  readonly models: Readonly<Record<string, ModelUsage>>;
}

const day = 86_400;
/** Long enough for a year's bill and a query about it. */
const keptSeconds = 400 * day;

const usageKey = ({ createdAt, generation }: Pick<Usage, 'createdAt' | 'generation'>) =>
  `USAGE#${dayOf(Date.parse(createdAt))}#${generation}`;

/**
 * Records what a generation used. Once: the first record of a generation stays, whatever comes after it.
 *
 * @returns whether this call did it
 */
export function meter(tenant: string, usage: Usage): Promise<boolean> {
  const expires = Math.floor(Date.parse(usage.createdAt) / 1000) + keptSeconds;
  return TenantTable.of(tenant).create(usageKey(usage), { ...usage, [expiryAttribute]: expires });
}

/** A day's usage of one model through one key. */
export interface UsageRow {
  readonly day: string;
  readonly model: string;
  readonly keyId: string;
  readonly requests: number;
  readonly tokens: number;
  readonly degradedTokens: number;
  readonly steps: number;
  readonly models: Readonly<Record<string, ModelUsage>>;
}

/**
 * A tenant's usage by day, model and key, in that order.
 *
 * @param from the first day, and `to` the last, ISO 8601
 */
export async function usageOf(
  tenant: string,
  { from, to }: { readonly from: string; readonly to: string },
  table: Partition = TenantTable.of(tenant),
): Promise<UsageRow[]> {
  const records = await table.query<Usage>({ prefix: 'USAGE#', after: `USAGE#${from}`, to: `USAGE#${to}#\uffff` });
  const rows = new Map<string, UsageRow>();
  for (const record of records) {
    const { model, keyId } = record;
    const place = { day: dayOf(Date.parse(record.createdAt)), model, keyId };
    const name = JSON.stringify(place);
    const before = rows.get(name) ?? { ...place, requests: 0, tokens: 0, degradedTokens: 0, steps: 0, models: {} };
    rows.set(name, {
      ...place,
      requests: before.requests + 1,
      tokens: before.tokens + record.tokens,
      degradedTokens: before.degradedTokens + (record.degradedTokens ?? 0),
      steps: before.steps + record.steps,
      models: addModels(before.models, record.models),
    });
  }
  return [...rows.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

/** The sums of two usages by model. */
export function addModels(a: Usage['models'], b: Usage['models']): Usage['models'] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const nothing: ModelUsage = { steps: 0, milliseconds: 0 };
  return Object.fromEntries(
    names.map((name) => {
      const [one, other] = [a[name] ?? nothing, b[name] ?? nothing];
      return [name, { steps: one.steps + other.steps, milliseconds: one.milliseconds + other.milliseconds }];
    }),
  );
}
