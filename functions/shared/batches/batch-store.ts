import {
  type BatchRecord,
  type BatchStatus,
  type BatchTotals,
  batchKey,
  countsKey,
  countsPrefix,
  isEnded,
} from '../../contracts/batch/record.ts';
import { Cancelled } from '../errors.ts';
import { observeRows } from '../observe.ts';
import { expiryAttribute } from '../table/partition.ts';
import { TenantTable } from '../table/tenant-table.ts';

/** @returns whether there was none of this id */
export function createBatchRecord(tenant: string, record: BatchRecord): Promise<boolean> {
  return TenantTable.of(tenant).create(batchKey(record.id), record);
}

/** @returns undefined for one that is another tenant's, never was, or is forgotten */
export function getBatch(tenant: string, id: string): Promise<BatchRecord | undefined> {
  return TenantTable.of(tenant).get<BatchRecord>(batchKey(id));
}

/** A tenant's batches, in the order of their ids, which is that of their times. */
export async function listBatches(
  tenant: string,
  { after, limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<BatchRecord[]> {
  const items = await TenantTable.of(tenant).query<BatchRecord>({
    ...{ prefix: batchKey(''), limit, descending: true },
    ...(after === undefined ? {} : { to: batchKey(after) }),
  });
  return items.map(({ sk, ...record }) => record).filter(({ id }) => id !== after);
}

type Changes = Partial<Omit<BatchRecord, 'id' | 'status' | 'times'>>;

export interface Move {
  /** Statuses that it may be at. */
  readonly from: readonly BatchStatus[];
  readonly to: BatchStatus;
  readonly set?: Changes;
  readonly remove?: readonly (keyof BatchRecord)[];
  /** The run that does it; another's is over. */
  readonly run?: number;
}

/** Brings a batch to a status. @returns the record, or undefined when it was at none that leads there */
export function moveBatch(
  tenant: string,
  id: string,
  { from, to, set = {}, remove = [], run }: Move,
): Promise<BatchRecord | undefined> {
  const fields = Object.entries(set).filter(([, value]) => value !== undefined);
  const assignments = ['#status = :to', 'times.#to = :now', ...fields.map(([name]) => `#${name} = :${name}`)];
  const statuses = from.map((status, i) => [`:from${i}`, status] as const);
  return TenantTable.of(tenant).update<BatchRecord>(
    batchKey(id),
    `SET ${assignments.join(', ')}${remove.length > 0 ? ` REMOVE ${remove.map((name) => `#${name}`).join(', ')}` : ''}`,
    {
      condition: `#status IN (${statuses.map(([name]) => name).join(', ')})${run === undefined ? '' : ' AND run = :ofRun'}`,
      names: {
        ...{ '#status': 'status', '#to': to },
        ...Object.fromEntries([...fields.map(([name]) => name), ...remove].map((name) => [`#${name}`, name])),
      },
      values: {
        ...{ ':to': to, ':now': Math.floor(Date.now() / 1000), ...Object.fromEntries(statuses) },
        ...Object.fromEntries(fields.map(([name, value]) => [`:${name}`, value])),
        ...(run === undefined ? {} : { ':ofRun': run }),
      },
    },
  );
}

/** Notes something about a batch, whatever its status. */
export async function noteBatch(tenant: string, id: string, set: Changes): Promise<void> {
  const fields = Object.entries(set);
  await TenantTable.of(tenant).update(batchKey(id), `SET ${fields.map(([name]) => `#${name} = :${name}`).join(', ')}`, {
    condition: 'attribute_exists(pk)',
    names: Object.fromEntries(fields.map(([name]) => [`#${name}`, name])),
    values: Object.fromEntries(fields.map(([name, value]) => [`:${name}`, value])),
  });
}

/** Why a batch's rows are to begin no more; undefined while they are. */
export function whyOver(
  { status, cancelRequested, expiresAt }: Pick<BatchRecord, 'status' | 'cancelRequested' | 'expiresAt'>,
  now = Date.now(),
): 'cancelled' | 'expired' | undefined {
  if (cancelRequested || status === 'cancelling' || isEnded(status)) return 'cancelled';
  return now >= 1000 * expiresAt ? 'expired' : undefined;
}

/** @throws Cancelled when a batch's rows are to be run no more */
export async function wantedBatch(tenant: string, id: string): Promise<BatchRecord> {
  const record = await getBatch(tenant, id);
  const over = record ? whyOver(record) : 'forgotten';
  if (!record || over) throw new Cancelled(`batch ${id}: ${over}`);
  return record;
}

/** What was made by the end of the last run before this one that came to its own end. */
export function madeBefore({ run, made = {} }: Pick<BatchRecord, 'run' | 'made'>): BatchTotals | undefined {
  const last = Math.max(
    ...Object.keys(made)
      .map(Number)
      .filter((ended) => ended < run),
  );
  return made[last];
}

/** What the chunks that are done came to. */
export interface Counts {
  readonly completed: number;
  readonly failed: number;
  readonly tokens: number;
}

/** Chunks whose counts share an item: an item has 400 KB. */
const shardChunks = 1000;
const countsSeconds = 40 * 86_400;

/** Counts a chunk. Once, however often it is called. */
export async function countChunk(tenant: string, id: string, chunk: number, counts: Counts): Promise<void> {
  const counted = await TenantTable.of(tenant).update(
    countsKey(id, Math.floor(chunk / shardChunks)),
    'ADD completed :completed, failed :failed, tokens :tokens, chunks :chunks SET #expires = :expires',
    {
      condition: 'NOT contains(chunks, :chunk)',
      names: { '#expires': expiryAttribute },
      values: {
        ...{ ':completed': counts.completed, ':failed': counts.failed, ':tokens': counts.tokens },
        ...{ ':chunk': chunk, ':chunks': new Set([chunk]) },
        ':expires': Math.floor(Date.now() / 1000) + countsSeconds,
      },
    },
  );
  if (!counted) return;
  observeRows('completed', counts.completed);
  observeRows('failed', counts.failed);
}

/** The sums, and which chunks they are of. */
export async function countsOf(tenant: string, id: string): Promise<Counts & { readonly chunks: ReadonlySet<number> }> {
  const shards = await TenantTable.of(tenant).query<Counts & { chunks?: Set<number> }>({ prefix: countsPrefix(id) });
  const sum = (of: (shard: Counts) => number) => shards.reduce((total, shard) => total + of(shard), 0);
  return {
    completed: sum(({ completed }) => completed),
    failed: sum(({ failed }) => failed),
    tokens: sum(({ tokens }) => tokens),
    chunks: new Set(shards.flatMap(({ chunks }) => [...(chunks ?? [])])),
  };
}
