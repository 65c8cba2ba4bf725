import { type Scope, scopes } from '../../contracts/caller.ts';
import { type KeyRecord, keyItem, keyPartition, scopesSchema, tenantsPartition } from '../../contracts/tenant.ts';
import { audit } from '../audit.ts';
import { findTenant, type Operating, partition } from '../operating.ts';
import { hashSecret, keyText, makeKey } from './api-key.ts';

/** What may be told of a key. */
export type KeyInfo = Omit<KeyRecord, 'hash'>;

export interface NewKey {
  readonly scopes?: readonly Scope[];
  readonly label?: string;
  /** Seconds since 1970, until when it works; for ever when absent. */
  readonly validUntil?: number;
}

/** @returns the key with its text, which is nowhere else and cannot be had again. @throws Error */
export async function addKey(
  operating: Operating,
  tenant: string,
  { scopes: wanted = ['generate', 'batch', 'read'], label, validUntil }: NewKey = {},
): Promise<KeyInfo & { readonly key: string }> {
  const checked = scopesSchema.safeParse(wanted);
  if (!checked.success) throw new Error(`scopes ${wanted.join(', ')}: there are ${scopes.join(', ')}`);
  await findTenant(operating, tenant);
  const key = makeKey();
  const record: KeyRecord = {
    ...{ id: key.id, tenant, hash: hashSecret(key.secret), scopes: checked.data, disabled: false },
    createdAt: new Date().toISOString(),
    ...(label === undefined ? {} : { label }),
    ...(validUntil === undefined ? {} : { validUntil }),
  };
  await audit(operating, 'keys add', tenant, { key: key.id, scopes: checked.data });
  // The tenant's list first: a key that is not on it would outlive its tenant.
  const listed = await partition(operating, tenantsPartition).update(tenant, 'ADD #keys :key', {
    condition: '#status <> :deleting AND attribute_exists(pk)',
    names: { '#keys': 'keys', '#status': 'status' },
    values: { ':key': new Set([key.id]), ':deleting': 'deleting' },
  });
  if (!listed) throw new Error(`tenant ${tenant}: it is being deleted`);
  await partition(operating, keyPartition(key.id)).put(keyItem, record);
  return { ...info(record), key: keyText(key) };
}

/** A tenant's keys, the oldest first. @throws Error when there is no such tenant */
export async function listKeys(operating: Operating, tenant: string): Promise<KeyInfo[]> {
  const { keys = new Set<string>() } = await findTenant(operating, tenant);
  const found = await Promise.all(
    [...keys].map((id) => partition(operating, keyPartition(id)).get<KeyRecord>(keyItem)),
  );
  return found
    .filter((record) => record !== undefined)
    .map(info)
    .toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
}

/** A new key with an old one's scopes, label and end; the old one works for some more hours. @throws Error */
export async function rotateKey(operating: Operating, id: string, hours: number) {
  const { tenant, scopes, label, validUntil } = await findKey(operating, id);
  const like = {
    scopes,
    ...(label === undefined ? {} : { label }),
    ...(validUntil === undefined ? {} : { validUntil }),
  };
  const made = await addKey(operating, tenant, like);
  await audit(operating, 'keys rotate', tenant, { key: id, for: made.id, hours });
  await change(operating, id, 'SET validUntil = :until', {
    ':until': Math.min(validUntil ?? Number.MAX_SAFE_INTEGER, Math.floor(Date.now() / 1000 + hours * 3600)),
  });
  return made;
}

/** @throws Error when there is none */
export async function disableKey(operating: Operating, id: string, disabled: boolean): Promise<KeyInfo> {
  const { tenant } = await findKey(operating, id);
  await audit(operating, disabled ? 'keys disable' : 'keys enable', tenant, { key: id });
  return change(operating, id, 'SET disabled = :disabled', { ':disabled': disabled });
}

/** @throws Error when there is none */
export async function deleteKey(operating: Operating, id: string): Promise<void> {
  const { tenant } = await findKey(operating, id);
  await audit(operating, 'keys delete', tenant, { key: id });
  await removeKey(operating, tenant, id);
}

/** The key first: on the list it may be found and removed again. */
export async function removeKey(operating: Operating, tenant: string, id: string): Promise<void> {
  await partition(operating, keyPartition(id)).delete(keyItem);
  await partition(operating, tenantsPartition).update(tenant, 'DELETE #keys :key', {
    condition: 'attribute_exists(pk)',
    names: { '#keys': 'keys' },
    values: { ':key': new Set([id]) },
  });
}

async function findKey(operating: Operating, id: string): Promise<KeyRecord> {
  const found = await partition(operating, keyPartition(id)).get<KeyRecord>(keyItem);
  if (!found) throw new Error(`key ${id}: there is none; slingshot keys list TENANT shows those that there are`);
  return found;
}

async function change(
  operating: Operating,
  id: string,
  expression: string,
  values: Record<string, unknown>,
): Promise<KeyInfo> {
  const changed = await partition(operating, keyPartition(id)).update<KeyRecord>(keyItem, expression, {
    condition: 'attribute_exists(pk)',
    values,
  });
  if (!changed) throw new Error(`key ${id}: it was deleted`);
  return info(changed);
}

function info({ hash, ...rest }: KeyRecord): KeyInfo {
  return rest;
}
