import { posix } from 'node:path';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { CfnModel } from 'aws-cdk-lib/aws-sagemaker';
import { Construct } from 'constructs';
import type { FleetModel } from '../fleet.ts';
import { adaptersOf } from '../processes.ts';
import { acknowledge } from './acknowledge.ts';
import type { Artefact, Artefacts } from './artefacts.ts';
import { logs } from './logs.ts';
import { serviceRole } from './service-role.ts';

export interface ModelDefinitionProps {
  /** What its process serves: one model, or adapters over one base. */
  readonly models: readonly FleetModel[];
  readonly artefacts: Artefacts;
  readonly image: Artefact;
  /** The inference component that it will run as, whose name its logs go by. */
  readonly componentName: string;
  readonly provider: 'cuda' | 'cpu';
}

export const mayWriteLogs = ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'];

/** The serving image with a model's weights, as SageMaker starts it, and the role that it runs under. */
export class ModelDefinition extends Construct {
  readonly name: string;

  constructor(scope: Construct, id: string, props: ModelDefinitionProps) {
    super(scope, id);
    const { models, artefacts, image, componentName, provider } = props;
    const weights = artefacts.weights(this, models);
    const adapters = adaptersOf(models);
    const logGroup = logs(this, 'Logs', `/aws/sagemaker/InferenceComponents/${componentName}`);
    const role = serviceRole(this, 'Role', 'sagemaker.amazonaws.com', [
      ...weights.mayRead,
      ...image.mayRead,
      new PolicyStatement({ actions: mayWriteLogs, resources: [logGroup.logGroupArn] }),
    ]);
    acknowledge(role, {
      'IAM5[Resource::*]': 'ecr:GetAuthorizationToken cannot be restricted to a repository.',
    });
    const definition = new CfnModel(this, 'Model', {
      executionRoleArn: role.roleArn,
      // A container that holds a tenant's context talks to SageMaker alone.
      enableNetworkIsolation: true,
      primaryContainer: {
        image: image.uri,
        modelDataUrl: weights.uri,
        environment: {
          SLINGSHOT_PROVIDER: provider,
          SLINGSHOT_MODEL_DIRECTORY: posix.join('/opt/ml/model', models[0].files.all.model),
          ...(adapters ? { SLINGSHOT_ADAPTERS: adapters.join(',') } : {}),
          ORT_DISABLE_TELEMETRY: '1',
        },
      },
    });
    definition.node.addDependency(role, logGroup);
    this.name = definition.attrModelName;
  }
}
