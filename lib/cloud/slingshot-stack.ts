import { CfnOutput, type Duration, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Endpoint } from '../../models/ssd2/routing.ts';
import { type Fleet, type FleetModel, withEndpoints } from '../fleet.ts';
import { api } from './api.ts';
import type { Artefacts } from './artefacts.ts';
import { authoriser } from './authoriser.ts';
import { customerKey, mayUseKey } from './customer-key.ts';
import { denoiseBlock } from './denoise-block.ts';
import { envelopeBucket } from './envelope-bucket.ts';
import { functions } from './functions.ts';
import { generate } from './generate.ts';
import { inlineBytes, mostLanes } from './largest-state.ts';
import { componentName, ModelEndpoint } from './model-endpoint.ts';
import { physicalName } from './physical-name.ts';
import { serviceFunctions } from './service-functions.ts';
import type { Settings } from './settings.ts';
import { Tenancy } from './tenancy.ts';
import { spreadTenants, tenantStack } from './tenant-endpoints.ts';
import { timeBudget } from './time-budget.ts';

export interface SlingshotStackProps extends StackProps {
  readonly fleet: Fleet;
  readonly artefacts: Artefacts;
  readonly settings: Settings;
  /** How long an endpoint may take to answer. */
  readonly endpointTimeout?: Duration;
}

/** All of Slingshot: model endpoints, functions, and the state machines that drive them. */
export class SlingshotStack extends Stack {
  constructor(scope: Construct, id: string, props: SlingshotStackProps) {
    super(scope, id, props);
    const { fleet, artefacts, settings } = props;
    if (settings.customerKey) customerKey(this);
    const { endpoints, catalog } = this.#serveModels(props);
    const budget = timeBudget(props.endpointTimeout);
    const bucket = envelopeBucket(this);
    const tenancy = new Tenancy(this, { bucket, tiers: settings.tiers });
    const shared = {
      ...{ budget, bucket, tenancy, kept: settings.kept, tokenizerOf: fleet.core.files.text },
      catalog: artefacts.catalog(this, catalog),
    };
    const made = functions(this, {
      ...{ ...shared, endpoints, inlineBytes: inlineBytes({ catalog, shape: fleet.shape }) },
    });
    const block = denoiseBlock(this, { ...made, budget });
    const generation = generate(this, { ...made, denoiseBlock: block, budget });
    // Starting the block's executions takes the key that they are kept under, too.
    for (const statement of mayUseKey(this)) generation.addToRolePolicy(statement);
    const behind = serviceFunctions(this, {
      ...{ ...shared, generation, cores: endpoints.slice(0, 1) },
      mostLanes: mostLanes({ catalog, shape: fleet.shape }),
    });
    const gateway = api(this, { functions: behind, authorizer: authoriser(this, { tenancy, budget }), settings });
    new CfnOutput(this, 'ApiUrl', { value: gateway.url });
    new CfnOutput(this, 'GenerateArn', { value: generation.stateMachineArn });
    new CfnOutput(this, 'TableName', { value: tenancy.table.tableName });
    new CfnOutput(this, 'BucketName', { value: bucket.bucketName });
  }

  /** @returns the endpoints' names, and the fleet's catalog with the places where its models are deployed */
  #serveModels({ fleet, artefacts, settings }: SlingshotStackProps): {
    endpoints: string[];
    catalog: Fleet['catalog'];
  } {
    const image = artefacts.image(this);
    const cores = fleet.models.filter(({ role }) => role === 'core');
    const core = { name: physicalName(this.stackName, 'core'), models: cores };
    new ModelEndpoint(this, 'Core', {
      ...{ ...core, artefacts, image },
      instanceType: settings.coreInstanceType,
      instances: settings.coreInstances ?? cores.length,
    });
    const tenants = spreadTenants(
      this.stackName,
      fleet.models.filter(({ role }) => role === 'tenant'),
      settings,
    );
    for (const tenant of tenants) tenantStack(this, tenant, { artefacts, image, settings });
    const places = new Map<FleetModel, Endpoint>();
    for (const { name, models } of [core, ...tenants]) {
      for (const model of models) {
        places.set(model, { ...model.endpoint, endpoint: name, component: componentName(name, model) });
      }
    }
    const { catalog } = withEndpoints(fleet, (model) => places.get(model) ?? model.endpoint);
    return { endpoints: [core, ...tenants].map(({ name }) => name), catalog };
  }
}
