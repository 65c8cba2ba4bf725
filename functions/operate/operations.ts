import { endpointName, type RoutingTable } from '../../models/ssd2/routing.ts';
import type { HandlerOf } from '../api/http.ts';
import { secondsOf } from '../api/openai-form.ts';
import type { ApiFleet, TenantList } from '../contracts/api/operations.ts';
import { executionsLookedAt, tenantsAPage } from '../contracts/api/operations.ts';
import { type TenantRecord, tenantsPartition } from '../contracts/tenant.ts';
import type { Tiers } from '../contracts/tiers.ts';
import { loadDeployment } from '../prepare/load-deployment.ts';
import { type AdmissionItem, admissionKey, dayOf } from '../shared/admission.ts';
import { setting } from '../shared/environment.ts';
import { servicePartition } from '../shared/table/service-partition.ts';
import { TenantTable } from '../shared/table/tenant-table.ts';
import { machineOf } from './machine.ts';

export const listTenants: HandlerOf<'listTenants'> = async ({ query: { after } }) => {
  const records = await servicePartition(tenantsPartition).query<TenantRecord>({
    ...{ prefix: '', limit: tenantsAPage + 1 },
    ...(after === undefined ? {} : { after }),
  });
  const tiers = setting('SLINGSHOT_TIERS');
  const data = await Promise.all(records.slice(0, tenantsAPage).map((record) => standingOf(record, tiers)));
  return { status: 200, body: { object: 'list', has_more: records.length > tenantsAPage, data } };
};

async function standingOf(record: TenantRecord, tiers: Tiers): Promise<TenantList['data'][number]> {
  const { name, tier, status, createdAt, keys } = record;
  const now = Date.now();
  const counters = await TenantTable.of(name).get<AdmissionItem>(admissionKey);
  const isToday = counters?.day === dayOf(now);
  const limit = tiers[tier];
  const leases = Object.entries(counters?.leases ?? {}).filter(([, { expiresAt }]) => expiresAt > now);
  return {
    ...{ name, tier, status, created: secondsOf(createdAt), keys: keys?.size ?? 0 },
    today: {
      requests: isToday ? counters.requests : 0,
      tokens: isToday ? counters.tokens : 0,
      steps: isToday ? counters.steps : 0,
    },
    limits: limit
      ? {
          ...{ requests: limit.requestsPerDay, tokens: limit.tokensPerDay, steps: limit.stepsPerDay },
          generations: limit.inFlight,
        }
      : null,
    generations: leases.map(([id, { startedAt }]) => ({ id, started: Math.floor(startedAt / 1000) })),
  };
}

const routesOf = (table: RoutingTable) =>
  table.map(({ from, to, endpoint }) => ({ from, to, model: endpointName(endpoint) }));

export const getFleet: HandlerOf<'getFleet'> = async () => {
  const { catalog } = await loadDeployment();
  const body: ApiFleet = {
    cores: Object.entries(catalog.cores).map(([name, { routes }]) => ({ name, routes: routesOf(routes) })),
    tenants: Object.entries(catalog.tenants).map(([name, routes]) => ({ name, routes: routesOf(routes) })),
  };
  return { status: 200, body };
};

export const getStateMachine: HandlerOf<'getStateMachine'> = async () => ({
  status: 200,
  body: await machineOf(setting('SLINGSHOT_GENERATE_ARN'), executionsLookedAt),
});
