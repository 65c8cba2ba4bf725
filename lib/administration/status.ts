import { type AdmissionItem, admissionKey, dayOf } from '../../functions/shared/admission.ts';
import { getServing } from '../../functions/shared/models/registered.ts';
import { type Administration, tenantPartition } from './administration.ts';
import { listTenants } from './tenants.ts';

/** What a tenant has in flight, and has used of its day. */
export interface TenantStatus {
  readonly tenant: string;
  readonly tier: string;
  readonly status: string;
  readonly inFlight: number;
  readonly requestsToday: number;
  /** What those in flight may come to counts, too. */
  readonly tokensToday: number;
  readonly stepsToday: number;
  /** Of the last generations. */
  readonly meanSeconds: number;
  /** Versions of its own model, with what each serves; empty for one that is deployed with the service, or none. */
  readonly model: string;
}

/** All tenants, those with most in flight first. */
export async function statusOf(administration: Administration, now = Date.now()): Promise<TenantStatus[]> {
  const tenants = await listTenants(administration);
  const rows = await Promise.all(
    tenants.map(async ({ name, tier, status }) => {
      const table = tenantPartition(administration, name);
      const [item, { shares }] = await Promise.all([table.get<AdmissionItem>(admissionKey), getServing(name, table)]);
      const today = item?.day === dayOf(now) ? item : undefined;
      const leases = Object.values(item?.leases ?? {}).filter(({ expiresAt }) => expiresAt > now);
      return {
        ...{ tenant: name, tier, status, inFlight: leases.length },
        requestsToday: today?.requests ?? 0,
        tokensToday: today?.tokens ?? 0,
        stepsToday: today?.steps ?? 0,
        meanSeconds: Math.round(item?.mean ?? 0) / 1000,
        model: shares.map(({ id, share }) => (share === 1 ? id : `${id} ${share}`)).join(', '),
      };
    }),
  );
  return rows.toSorted((a, b) => b.inFlight - a.inFlight || (a.tenant < b.tenant ? -1 : 1));
}
