import type { ServiceRequest } from '../contracts/request.ts';
import type { Stored } from '../contracts/stored.ts';
import { InvalidRequest } from './errors.ts';
import { loadObject, ownerPrefix, storeObject } from './object-store.ts';

/** What a tenant asked for lies under its prefix: neither an execution's history nor the table has its words. */
const kind = 'requests';

export function storeRequest(tenant: string, request: ServiceRequest): Promise<Stored> {
  return storeObject(tenant, kind, Buffer.from(JSON.stringify(request)));
}

/** @throws InvalidRequest when the reference is to something that is not the tenant's */
export async function loadRequest(tenant: string, stored: Stored): Promise<unknown> {
  const key = `${ownerPrefix(tenant)}/${kind}/${stored.sha256}`;
  if (stored.key !== key) throw new InvalidRequest(`request: its key must be ${key}`);
  return JSON.parse(Buffer.from(await loadObject(tenant, stored)).toString());
}
