import type { Caller } from '../contracts/caller.ts';
import { type KeyRecord, keyItem, keyPartition, type TenantRecord, tenantsPartition } from '../contracts/tenant.ts';
import { hashSecret, isSecret, readKey } from '../shared/keys/api-key.ts';
import type { Partition } from '../shared/table/partition.ts';

/** What a key that there is not is compared with, so that it takes as long as one that there is. */
const nobodys = hashSecret('');

/**
 * Who shows a key, or undefined when it is no key, unknown, disabled, past its time, or its tenant's who may not call:
 * which of them is not told.
 *
 * @param authorization the header's value
 */
export async function authorise(
  authorization: string,
  partition: (name: string) => Partition,
  now = Date.now(),
): Promise<Caller | undefined> {
  const key = readKey(/^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '');
  if (!key) return undefined;
  const record = await partition(keyPartition(key.id)).get<KeyRecord>(keyItem);
  const isRight = isSecret(key.secret, record?.hash ?? nobodys);
  if (!record || !isRight || record.disabled || (record.validUntil ?? Number.POSITIVE_INFINITY) * 1000 <= now) {
    return undefined;
  }
  const { tenant, scopes } = record;
  const found = await partition(tenantsPartition).get<TenantRecord>(tenant);
  if (found?.status !== 'active') return undefined;
  const { tier, degradation } = found;
  return { tenant, keyId: key.id, scopes, tier, ...(degradation ? { degradation } : {}) };
}
