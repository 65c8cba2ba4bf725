import { Stack, type StackProps } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { Endpoint } from '../../models/ssd2/routing.ts';
import { providerOf } from '../config/provider.ts';
import type { Settings } from '../config/schema.ts';
import { type Fleet, type FleetModel, withEndpoints } from '../fleet.ts';
import { processesOf } from '../processes.ts';
import type { Artefacts } from './artefacts.ts';
import type { DataStack } from './data-stack.ts';
import type { RegisteredContainer } from './deploy-model.ts';
import { componentName, ModelEndpoint } from './model-endpoint.ts';
import { physicalName } from './physical-name.ts';
import { registeredContainer } from './registered-container.ts';
import { surround } from './surroundings.ts';
import { spreadTenants, tenantStack } from './tenant-endpoints.ts';

export interface ModelsStackProps extends StackProps {
  /** What names begin with. */
  readonly prefix: string;
  readonly fleet: Fleet;
  readonly artefacts: Artefacts;
  readonly settings: Settings;
  readonly data: Pick<DataStack, 'modelStore' | 'surroundings'>;
}

/** A core's copies stay for a while, since load that went down goes up again. */
const coreIdleMinutes = 15;

/** Where the models are served. */
export class ModelsStack extends Stack {
  /** Names of the endpoints, the cores' first. */
  readonly endpoints: readonly string[];
  /** Those of tenants. */
  readonly tenantEndpoints: readonly string[];
  /** What tenants' own models run in. */
  readonly registered: RegisteredContainer;
  /** The fleet's, with the places where its models are deployed. */
  readonly catalog: Fleet['catalog'];

  constructor(scope: Construct, id: string, props: ModelsStackProps) {
    const { prefix, fleet, artefacts, settings, data, ...stackProps } = props;
    super(scope, id, stackProps);
    surround(this, data.surroundings);
    const cores = fleet.models.filter(({ role }) => role === 'core');
    const core = { name: physicalName(prefix, 'core'), models: cores };
    // A GPU each.
    const processes = processesOf(cores).length;
    const [provider, tenantProvider] = [providerOf(settings.core), providerOf(settings.tenants)];
    const image = artefacts.image(this, provider);
    const tenantImage = tenantProvider === provider ? image : artefacts.image(this, tenantProvider);
    const { concurrentRequests } = settings.scaling;
    new ModelEndpoint(this, 'Core', {
      ...{ ...core, artefacts, image, provider },
      instanceType: settings.core.instanceType,
      scaling: {
        ...{ ...settings.scaling.core.copies, concurrentRequests, idleMinutes: coreIdleMinutes },
        instances: settings.scaling.core.copies.max * (provider === 'cuda' ? processes : 1),
      },
      instances: settings.core.instances ?? (provider === 'cuda' ? processes : 1),
    });
    const tenants = spreadTenants(
      prefix,
      fleet.models.filter(({ role }) => role === 'tenant'),
      settings.tenants.endpoints,
    );
    // Tenants may bring models of their own.
    if (tenants.length === 0) tenants.push({ name: physicalName(prefix, 'tenants0'), models: [] });
    for (const tenant of tenants) tenantStack(this, tenant, { artefacts, image: tenantImage, settings });
    const places = new Map<FleetModel, Endpoint>();
    for (const { name, models } of [core, ...tenants]) {
      for (const together of processesOf(models)) {
        const component = componentName(name, together);
        for (const model of together) places.set(model, { ...model.endpoint, endpoint: name, component });
      }
    }
    this.tenantEndpoints = tenants.map(({ name }) => name);
    this.registered = registeredContainer(this, {
      ...{ image: tenantImage, prefix, modelStore: data.modelStore, provider: tenantProvider },
      base: artefacts.weights(new Construct(this, 'Base'), [fleet.core]),
      core: fleet.core,
    });
    this.endpoints = [core, ...tenants].map(({ name }) => name);
    this.catalog = withEndpoints(fleet, (model) => places.get(model) ?? model.endpoint).catalog;
  }
}
