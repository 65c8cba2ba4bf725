import type { Catalog } from '../../contracts/catalog.ts';
import { type ModelRecord, modelKey, modelPrefix, type Serving, servingKey } from '../../contracts/registered-model.ts';
import type { Partition } from '../table/partition.ts';
import { TenantTable } from '../table/tenant-table.ts';
import { nothingServed, promoted, versionFor } from './shares.ts';

export function getModel(tenant: string, id: string, table: Partition = TenantTable.of(tenant)) {
  return table.get<ModelRecord>(modelKey(id));
}

export async function listModelRecords(table: Partition): Promise<ModelRecord[]> {
  const records = await table.query<ModelRecord>({ prefix: modelPrefix });
  return records.map(({ sk, ...record }) => record).toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
}

export async function getServing(tenant: string, table: Partition = TenantTable.of(tenant)): Promise<Serving> {
  return (await table.get<Serving>(servingKey)) ?? nothingServed;
}

/** Changes what is known of a model. @returns whether there is such a model */
export async function changeModel(
  tenant: string,
  id: string,
  change: Partial<Omit<ModelRecord, 'id'>>,
  table: Partition = TenantTable.of(tenant),
): Promise<boolean> {
  const entries = Object.entries(change).filter(([, value]) => value !== undefined);
  const updated = await table.update(modelKey(id), `SET ${entries.map((_, i) => `#${i} = :${i}`).join(', ')}`, {
    condition: 'attribute_exists(pk)',
    names: Object.fromEntries(entries.map(([name], i) => [`#${i}`, name])),
    values: Object.fromEntries(entries.map(([, value], i) => [`:${i}`, value])),
  });
  return updated !== undefined;
}

/** How often a change is tried again that another one came between. */
const tries = 5;

/**
 * Changes what a tenant is served with, one change at a time.
 *
 * @throws what `change` throws, or Error when others change it all the time
 */
export async function changeServing(
  tenant: string,
  change: (before: Serving) => Serving,
  table: Partition = TenantTable.of(tenant),
): Promise<Serving> {
  for (let attempt = 0; attempt < tries; attempt++) {
    const before = await getServing(tenant, table);
    const after = change(before);
    const isPut = await table.put(servingKey, after, {
      condition: 'attribute_not_exists(pk) OR changedAt = :before',
      values: { ':before': before.changedAt },
    });
    if (isPut) return after;
  }
  throw new Error(`tenant ${tenant}: what serves it is changed by others all the time; try again`);
}

/** Lets a model that is ready serve its share, or all where nothing else does. */
export function startServing(tenant: string, model: Required<Pick<ModelRecord, 'id' | 'share' | 'endpoint'>>) {
  const { id, endpoint, share } = model;
  return changeServing(tenant, (before) =>
    promoted(before, { id, endpoint }, before.shares.length === 0 ? 1 : share, new Date()),
  );
}

/**
 * The catalog as one generation of a tenant sees it: with the core that serves this generation as `core`, and the version of
 * the tenant's own registered model that does, in the place of a model that was deployed with the service.
 */
export async function catalogFor(catalog: Catalog, tenant: string, generation: string): Promise<Catalog> {
  const version = versionFor(await getServing(tenant), generation);
  const shared = withCoreFor(catalog, generation);
  if (!version) return shared;
  const routes = [{ from: 0, to: 1, endpoint: version.endpoint }];
  return { ...shared, tenants: { ...shared.tenants, [tenant]: routes } };
}

/** With the core that serves one generation, by its share of those that ask for `core`. */
export function withCoreFor(catalog: Catalog, generation: string): Catalog {
  const { cores, shares = {} } = catalog;
  const others = Object.entries(shares).map(([name, share]) => ({ name, share }));
  const left = 1 - others.reduce((sum, { share }) => sum + share, 0);
  // By another number than versions of tenants' models are, so that the two are independent.
  const chosen = versionFor({ shares: [...others, { name: 'core', share: left }] }, `core of ${generation}`);
  return { ...catalog, cores: { ...cores, core: cores[chosen?.name ?? 'core'] } };
}
