import { createHash } from 'node:crypto';
import { NestedStack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { providerOf } from '../config/provider.ts';
import type { Settings } from '../config/schema.ts';
import type { FleetModel } from '../fleet.ts';
import type { Artefact, Artefacts } from './artefacts.ts';
import { ModelEndpoint } from './model-endpoint.ts';
import { physicalName } from './physical-name.ts';

/** How many tenants an endpoint is meant for, and how many it takes at most: a stack has 500 resources, a tenant 8. */
const usualTenants = 32;
const mostTenants = 60;

export interface TenantEndpoint {
  readonly name: string;
  readonly models: readonly FleetModel[];
}

/**
 * Spreads tenants over endpoints by a digest of their names, so that a new tenant moves no other. More tenants than the
 * endpoints are meant for double the endpoints, which moves half of them; the setting tenants.endpoints holds the number.
 *
 * @throws Error when an endpoint would have too many
 */
export function spreadTenants(
  prefix: string,
  tenants: readonly FleetModel[],
  endpoints: number | undefined,
): TenantEndpoint[] {
  const count = endpoints ?? 2 ** Math.max(0, Math.ceil(Math.log2(tenants.length / usualTenants)));
  const groups = Array.from({ length: count }, (): FleetModel[] => []);
  for (const tenant of tenants) {
    const digest = createHash('sha256').update(tenant.name).digest();
    groups[digest.readUInt32BE() % count].push(tenant);
  }
  const most = Math.max(...groups.map(({ length }) => length));
  if (most > mostTenants) {
    const more = `tenants.endpoints must be more than ${count}`;
    throw new Error(
      `${tenants.length} tenants over ${count} endpoints are ${most} on one of them, of at most ${mostTenants}: ${more}`,
    );
  }
  return groups.flatMap((models, i) =>
    models.length > 0 ? [{ name: physicalName(prefix, `tenants${i}`), models }] : [],
  );
}

export interface TenantStackProps {
  readonly artefacts: Artefacts;
  readonly image: Artefact;
  readonly settings: Settings;
}

/** One endpoint of tenants, in a stack of its own. */
export function tenantStack(scope: Construct, { name, models }: TenantEndpoint, props: TenantStackProps): void {
  const { artefacts, image, settings } = props;
  const { instanceType, instances: wanted } = settings.tenants;
  const provider = providerOf(settings.tenants);
  const instances = wanted ?? (provider === 'cuda' ? models.length : 1);
  const { concurrentRequests, tenants: own } = settings.scaling;
  const scaling = {
    ...{ min: own.toZero ? 0 : 1, max: own.copies, concurrentRequests },
    ...{ idleMinutes: own.idleMinutes, instances: own.instances },
  };
  const stack = new NestedStack(scope, name);
  new ModelEndpoint(stack, 'Endpoint', { name, models, artefacts, image, instanceType, instances, provider, scaling });
}
