import type { ServiceRequest } from '../contracts/request.ts';
import type { Stored } from '../contracts/stored.ts';
import { InvalidRequest } from './errors.ts';
import { loadObject, ownerPrefix, putObject, storedAs } from './object-store.ts';

/** What a tenant asked for lies under its prefix: neither an execution's history nor the table has its words. */
const kind = 'requests';

/** A request as it is to be stored, and where it will lie, which is known before. */
export interface StorableRequest {
  readonly stored: Stored;
  /** @throws StoreUnavailable, StoreRejected */
  store(): Promise<void>;
}

export function storableRequest(tenant: string, request: ServiceRequest): StorableRequest {
  const bytes = Buffer.from(JSON.stringify(request));
  const stored = storedAs(tenant, kind, bytes);
  return { stored, store: () => putObject(tenant, stored.key, bytes) };
}

/** @throws InvalidRequest when the reference is to something that is not the tenant's */
export async function loadRequest(tenant: string, stored: Stored): Promise<unknown> {
  const key = `${ownerPrefix(tenant)}/${kind}/${stored.sha256}`;
  if (stored.key !== key) throw new InvalidRequest(`request: its key must be ${key}`);
  return JSON.parse(Buffer.from(await loadObject(tenant, stored)).toString());
}
