import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { maxLanes } from '../../models/ssd2/generation.ts';
import type { Settings } from '../config/schema.ts';
import type { Fleet } from '../fleet.ts';
import { api } from './api.ts';
import type { Artefacts } from './artefacts.ts';
import { authoriser } from './authoriser.ts';
import { batch } from './batch.ts';
import { batchEvents, batchFunctions } from './batch-functions.ts';
import { consoleSite } from './console-site.ts';
import { mayUseKey } from './customer-key.ts';
import type { DataStack } from './data-stack.ts';
import { denoiseBlock } from './denoise-block.ts';
import { deployModel } from './deploy-model.ts';
import { type Functions, functions } from './functions.ts';
import { generate } from './generate.ts';
import { inlineBytes, mostLanes } from './largest-state.ts';
import { type ModelFunctions, modelFunctions } from './model-functions.ts';
import type { ModelsStack } from './models-stack.ts';
import { type ServiceFunctions, serviceFunctions } from './service-functions.ts';
import { surround } from './surroundings.ts';
import { Tenancy } from './tenancy.ts';
import type { TimeBudget } from './time-budget.ts';

export interface ServiceStackProps extends StackProps {
  /** What names of models' components begin with. */
  readonly prefix: string;
  readonly fleet: Fleet;
  readonly artefacts: Artefacts;
  readonly settings: Settings;
  readonly budget: TimeBudget;
  /** The folder with the console's files; no console when absent. */
  readonly site?: string;
  readonly data: Pick<DataStack, 'table' | 'bucket' | 'modelStore' | 'surroundings'>;
  readonly models: Pick<ModelsStack, 'endpoints' | 'tenantEndpoints' | 'registered' | 'catalog'>;
}

/** Rows of a batch that are run side by side, where a state has room for as many. */
const usualBatchLanes = 16;

/** The API, the functions behind it, and the state machines that drive the models. */
export class ServiceStack extends Stack {
  readonly gateway: RestApi;
  readonly machines: Readonly<Record<'generate' | 'denoiseBlock' | 'deployModel' | 'batch', StateMachine>>;
  readonly functions: Functions & ServiceFunctions & ModelFunctions;

  constructor(scope: Construct, id: string, props: ServiceStackProps) {
    const { prefix, fleet, artefacts, settings, budget, site, data, models, ...stackProps } = props;
    super(scope, id, stackProps);
    surround(this, data.surroundings);
    const { endpoints, catalog } = models;
    const { bucket, table } = data;
    const tenancy = new Tenancy(this, { bucket, table, tiers: settings.quotas });
    const shared = {
      ...{ prefix, budget, bucket, tenancy, kept: settings.kept, tokenizerOf: fleet.core.files.text },
      catalog: artefacts.catalog(this, catalog),
    };
    // A policy has no room for each of them.
    const ofTenants = `${prefix}-tenants*`;
    const made = functions(this, {
      ...{ ...shared, endpoints: [endpoints[0], ofTenants], inlineBytes: inlineBytes({ catalog, shape: fleet.shape }) },
      wakeSeconds: settings.scaling.tenants.wakeSeconds,
    });
    const block = denoiseBlock(this, { ...made, budget });
    const generation = generate(this, { ...made, denoiseBlock: block, budget });
    // Starting the block's executions takes the key that they are kept under, too.
    for (const statement of mayUseKey(this)) generation.addToRolePolicy(statement);
    const registering = modelFunctions(this, {
      ...{ ...shared, modelStore: data.modelStore, endpoints: [ofTenants] },
    });
    const deploying = deployModel(this, { ...registering, budget, prefix, container: models.registered });
    const most = mostLanes({ catalog, shape: fleet.shape }, maxLanes);
    const batchLanes = Math.min(usualBatchLanes, most);
    const ofBatches = batchFunctions(this, { ...shared, mostLanes: most, lanes: batchLanes });
    const rows = batch(this, {
      ...{ functions: { ...ofBatches, settleBlock: made.settleBlock }, bucket, denoiseBlock: block, budget },
    });
    for (const statement of mayUseKey(this)) rows.addToRolePolicy(statement);
    batchEvents(this, { budget, bucket, tenancy, machine: rows });
    const behind = serviceFunctions(this, {
      ...{ ...shared, generation, deploying, batch: rows, batchLanes },
      ...{ tenantEndpoints: models.tenantEndpoints, cores: endpoints.slice(0, 1) },
      mostLanes: mostLanes({ catalog, shape: fleet.shape }),
      heartbeat: Duration.seconds(settings.network.heartbeatSeconds),
    });
    this.gateway = api(this, { functions: behind, authorizer: authoriser(this, { tenancy, budget }), settings });
    if (site !== undefined) consoleSite(this, { folder: site, gateway: this.gateway });
    this.machines = { generate: generation, denoiseBlock: block, deployModel: deploying, batch: rows };
    this.functions = { ...made, ...behind, ...registering };
    new CfnOutput(this, 'ApiUrl', { value: this.gateway.url });
    new CfnOutput(this, 'DeployModelArn', { value: deploying.stateMachineArn });
    new CfnOutput(this, 'TenantEndpoints', { value: models.tenantEndpoints.join(',') });
    new CfnOutput(this, 'GenerateArn', { value: generation.stateMachineArn });
    new CfnOutput(this, 'BatchArn', { value: rows.stateMachineArn });
  }
}
