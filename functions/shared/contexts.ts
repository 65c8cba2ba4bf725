import { randomBytes } from 'node:crypto';
import { longestContextSeconds } from '../contracts/api/resources.ts';
import type { PrivateContext } from '../contracts/stored.ts';
import { removeContextText, storeContextText } from './context-store.ts';
import { expiryAttribute } from './table/partition.ts';
import { TenantTable } from './table/tenant-table.ts';

/** A tenant's private document, by which a request names it. */
export interface ContextRecord {
  readonly id: string;
  readonly name?: string;
  readonly bytes: number;
  readonly tokens: number;
  readonly sha256: string;
  /** Of its text, in the bucket. */
  readonly key: string;
  readonly createdAt: string;
  /** Seconds since 1970. */
  readonly expires: number;
}

const contextKey = (id: string) => `CONTEXT#${id}`;

/**
 * Keeps a document under its tenant's prefix.
 *
 * @param tokens how many tokens the text is
 * @throws RangeError for a lifetime that is not within the longest
 */
export async function putContext(
  tenant: string,
  { text, tokens, seconds, name }: { text: string; tokens: number; seconds: number; name?: string },
): Promise<ContextRecord> {
  if (!(seconds > 0 && seconds <= longestContextSeconds)) {
    throw new RangeError(`a context lasts up to ${longestContextSeconds} seconds, not ${seconds}`);
  }
  const now = Date.now();
  const record: ContextRecord = {
    id: `ctx_${randomBytes(12).toString('hex')}`,
    ...(name === undefined ? {} : { name }),
    ...{ bytes: Buffer.byteLength(text), tokens, createdAt: new Date(now).toISOString() },
    ...(await storeContextText(tenant, text)),
    [expiryAttribute]: Math.floor(now / 1000 + seconds),
  };
  await TenantTable.of(tenant).put(contextKey(record.id), record);
  return record;
}

/** @returns undefined for one that is not the tenant's, never was, or has expired: nobody can tell which */
export function getContext(tenant: string, id: string): Promise<ContextRecord | undefined> {
  return TenantTable.of(tenant).get<ContextRecord>(contextKey(id));
}

/** All of a tenant's, or those after `after`. */
export async function listContexts(
  tenant: string,
  { limit, after }: { readonly limit?: number; readonly after?: string } = {},
): Promise<ContextRecord[]> {
  const items = await TenantTable.of(tenant).query<ContextRecord>({
    prefix: contextKey(''),
    ...(after === undefined ? {} : { after: contextKey(after) }),
    ...(limit === undefined ? {} : { limit }),
  });
  return items.map(({ sk, ...record }) => record);
}

/** @returns whether there was such a one */
export async function deleteContext(tenant: string, id: string): Promise<boolean> {
  const record = await getContext(tenant, id);
  if (!record) return false;
  await TenantTable.of(tenant).delete(contextKey(id));
  // Documents of the same text are one object.
  const others = await listContexts(tenant);
  if (!others.some(({ key }) => key === record.key)) await removeContextText(tenant, record);
  return true;
}

/** What a generation's state holds of a context. */
export function contextReference({ key, sha256, tokens }: ContextRecord): PrivateContext {
  return { key, sha256, tokens };
}
