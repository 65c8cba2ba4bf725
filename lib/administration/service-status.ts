import { type BatchRecord, batchKey, countsPrefix, isEnded } from '../../functions/contracts/batch/record.ts';
import type { GenerationStatus } from '../../functions/contracts/generation-record.ts';
import { dayOf } from '../../functions/shared/admission.ts';
import { addModels, type Usage } from '../../functions/shared/metering.ts';
import type { Partition } from '../../functions/shared/table/partition.ts';
import { type Administration, tenantPartition } from './administration.ts';
import { listTenants } from './tenants.ts';

/** What the whole service did today, of all tenants together: the dashboard's rows, by the table. */
export interface ServiceStatus {
  readonly generations: Readonly<Record<Exclude<GenerationStatus, 'running'>, number>>;
  readonly tokens: number;
  /** Of the generations that began in the last minute. */
  readonly tokensPerSecond: number;
  readonly stepsPerToken: number;
  /** Of the tokens, the share that was made without the tenant's model that was asked for. */
  readonly degraded: number;
  /** Of batches, that wait to be run. */
  readonly rowsWaiting: number;
  /** Milliseconds of a lane's step in each model, by member's name. */
  readonly stepMilliseconds: Readonly<Record<string, number>>;
}

const minute = 60_000;

export async function serviceStatus(administration: Administration, now = Date.now()): Promise<ServiceStatus> {
  const tenants = await listTenants(administration);
  const each = await Promise.all(
    tenants.map(async ({ name }) => {
      const table = tenantPartition(administration, name);
      const day = `USAGE#${dayOf(now)}#`;
      return Promise.all([table.query<Usage>({ prefix: day }), rowsWaitingIn(table)]);
    }),
  );
  const usage = each.flatMap(([own]) => own);
  const sum = (of: (record: Usage) => number, records = usage) => records.reduce((total, each) => total + of(each), 0);
  const count = (status: GenerationStatus) => usage.filter((record) => record.status === status).length;
  const tokens = sum((record) => record.tokens);
  const recent = usage.filter(({ createdAt }) => now - Date.parse(createdAt) < minute);
  const models = usage.map((record) => record.models).reduce(addModels, {});
  return {
    generations: { succeeded: count('succeeded'), failed: count('failed'), cancelled: count('cancelled') },
    tokens,
    tokensPerSecond: sum((record) => record.tokens, recent) / (minute / 1000),
    stepsPerToken: tokens === 0 ? 0 : sum((record) => record.steps) / tokens,
    degraded: tokens === 0 ? 0 : sum((record) => record.degradedTokens ?? 0) / tokens,
    rowsWaiting: each.reduce((total, [, rows]) => total + rows, 0),
    stepMilliseconds: Object.fromEntries(
      Object.entries(models).map(([name, { steps, milliseconds }]) => [name, steps === 0 ? 0 : milliseconds / steps]),
    ),
  };
}

async function rowsWaitingIn(table: Partition): Promise<number> {
  const batches = await table.query<BatchRecord>({ prefix: batchKey('') });
  const waiting = batches.filter(({ status }) => !isEnded(status));
  const rows = waiting.map(async ({ id, admitted = 0 }) => {
    const shards = await table.query<{ completed: number; failed: number }>({ prefix: countsPrefix(id) });
    return Math.max(0, admitted - shards.reduce((done, { completed, failed }) => done + completed + failed, 0));
  });
  return (await Promise.all(rows)).reduce((total, each) => total + each, 0);
}
