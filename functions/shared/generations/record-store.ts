import { type GenerationRecord, type GenerationStatus, generationKey } from '../../contracts/generation-record.ts';
import { TenantTable } from '../table/tenant-table.ts';

/** How long a reader that belongs to a generation may be silent before it is thought to be gone. */
export const readerMilliseconds = 45_000;

/** @returns whether there was none of this id */
export function createRecord(tenant: string, record: GenerationRecord): Promise<boolean> {
  return TenantTable.of(tenant).create(generationKey(record.id), record);
}

/** Takes a record away of which nothing was begun. */
export function forgetRecord(tenant: string, id: string): Promise<void> {
  return TenantTable.of(tenant).delete(generationKey(id));
}

/** @returns undefined for one that is another tenant's, never was, or is forgotten */
export function getRecord(tenant: string, id: string): Promise<GenerationRecord | undefined> {
  return TenantTable.of(tenant).get<GenerationRecord>(generationKey(id));
}

const running = {
  condition: '#status = :running',
  names: { '#status': 'status' },
  values: { ':running': 'running' satisfies GenerationStatus },
};

/** What a generation has made, and what that cost. */
export type Progress = Pick<GenerationRecord, 'lanes' | 'spent'> & {
  readonly degraded: GenerationRecord['degraded'] | undefined;
};

/** The attributes of a record that progress is in, and their values; one that is undefined is none. */
function attributesOf({ lanes, spent, degraded }: Progress) {
  const values = { lanes, spent, ...(degraded ? { degraded } : {}) };
  return {
    set: Object.keys(values).map((name) => `${name} = :${name}`),
    values: Object.fromEntries(Object.entries(values).map(([name, value]) => [`:${name}`, value])),
  };
}

/** Puts down what is committed so far, unless the generation has ended. */
export async function recordProgress(tenant: string, id: string, progress: Progress): Promise<void> {
  const { set, values } = attributesOf(progress);
  await TenantTable.of(tenant).update(generationKey(id), `SET ${set.join(', ')}`, {
    ...running,
    values: { ...running.values, ...values },
  });
}

export interface RecordedEnd {
  readonly status: Exclude<GenerationStatus, 'running'>;
  /** Where it is more than was recorded. */
  readonly progress?: Progress;
  readonly error?: GenerationRecord['error'];
}

/** @returns the record as it ended by this call; undefined when it had ended before, or there is none */
export function recordEnd(
  tenant: string,
  id: string,
  { status, progress, error }: RecordedEnd,
): Promise<GenerationRecord | undefined> {
  const set = ['#status = :status', 'endedAt = :endedAt'];
  const made = progress && attributesOf(progress);
  if (made) set.push(...made.set);
  if (error) set.push('#error = :error');
  return TenantTable.of(tenant).update<GenerationRecord>(generationKey(id), `SET ${set.join(', ')}`, {
    condition: running.condition,
    names: { ...running.names, ...(error ? { '#error': 'error' } : {}) },
    values: {
      ...running.values,
      ...{ ':status': status, ':endedAt': new Date().toISOString() },
      ...made?.values,
      ...(error ? { ':error': error } : {}),
    },
  });
}

/** Asks the steps to stop. @returns the record, or undefined when it had ended, or there is none */
export function requestCancel(tenant: string, id: string): Promise<GenerationRecord | undefined> {
  return TenantTable.of(tenant).update<GenerationRecord>(generationKey(id), 'SET cancelRequested = :yes', {
    ...running,
    values: { ...running.values, ':yes': true },
  });
}

/** Says that the reader of a generation that belongs to a connection is still there. */
export async function renewReader(tenant: string, id: string): Promise<void> {
  await TenantTable.of(tenant).update(generationKey(id), 'SET readerUntil = :until', {
    ...running,
    values: { ...running.values, ':until': Date.now() + readerMilliseconds },
  });
}

/** Whether a generation is to go on. */
export async function isWanted(tenant: string, id: string, now: number): Promise<boolean> {
  const record = await getRecord(tenant, id);
  if (record?.status !== 'running' || record.cancelRequested) return false;
  return record.readerUntil === undefined || record.readerUntil >= now;
}
