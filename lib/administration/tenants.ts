import { type Degradation, degradations } from '../../functions/contracts/request.ts';
import { type TenantRecord, tenantNameSchema, tenantsPartition } from '../../functions/contracts/tenant.ts';
import { admissionKey, noneAdmitted } from '../../functions/shared/admission.ts';
import { audit } from '../../functions/shared/audit.ts';
import { findTenant, partition } from '../../functions/shared/operating.ts';
import { type Administration, tenantPartition } from './administration.ts';

/** @throws Error for a name that is none, is taken, or a tier that there is not */
export async function addTenant(administration: Administration, name: string, tier: string): Promise<TenantRecord> {
  const checked = tenantNameSchema.safeParse(name);
  if (!checked.success) throw new Error(`tenant ${JSON.stringify(name)}: ${checked.error.issues[0].message}`);
  checkTier(administration, tier);
  await audit(administration, 'tenants add', name, { tier });
  const record: TenantRecord = { name, tier, status: 'active', createdAt: new Date().toISOString() };
  const isNew = await partition(administration, tenantsPartition).create(name, record);
  if (!isNew) throw new Error(`tenant ${name}: there is one already`);
  // Its counters open it: until they are there, nothing of it is admitted.
  await tenantPartition(administration, name).put(admissionKey, noneAdmitted, {
    condition: 'attribute_not_exists(pk)',
  });
  return record;
}

export async function listTenants(administration: Administration): Promise<TenantRecord[]> {
  const items = await partition(administration, tenantsPartition).query<TenantRecord>({ prefix: '' });
  return items.map(({ sk, ...record }) => record);
}

/**
 * Changes a tenant's tier, what its generations do whose tenant's model does not answer, or lets its keys work, or not.
 *
 * @throws Error when there is none
 */
export async function changeTenant(
  administration: Administration,
  name: string,
  change:
    | { readonly tier: string }
    | { readonly degradation: Degradation }
    | { readonly status: 'active' | 'disabled' },
): Promise<TenantRecord> {
  const [[attribute, value]] = Object.entries(change);
  if (attribute === 'tier') checkTier(administration, value);
  if (attribute === 'degradation' && !(degradations as readonly string[]).includes(value)) {
    throw new Error(`degradation ${value}: there is none; there are ${degradations.join(', ')}`);
  }
  await findTenant(administration, name);
  await audit(administration, 'tenants set', name, change);
  const changed = await partition(administration, tenantsPartition).update<TenantRecord>(name, 'SET #a = :value', {
    condition: 'attribute_exists(pk) AND #status <> :deleting',
    names: { '#a': attribute, '#status': 'status' },
    values: { ':value': value, ':deleting': 'deleting' },
  });
  if (!changed) throw new Error(`tenant ${name}: it is being deleted`);
  return changed;
}

function checkTier({ tiers }: Administration, tier: string): void {
  if (!tiers.includes(tier)) throw new Error(`tier ${tier}: there is none; there are ${tiers.join(', ')}`);
}
