import { ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { FleetModel } from '../fleet.ts';
import { acknowledge } from './acknowledge.ts';
import type { Artefact } from './artefacts.ts';
import { mayUseKey } from './customer-key.ts';
import type { RegisteredContainer } from './deploy-model.ts';
import { arnInFindings } from './logical-id.ts';
import { mayWriteLogs } from './model-definition.ts';
import { componentResources, startupSeconds, variantName } from './model-endpoint.ts';
import { serviceRole } from './service-role.ts';

export interface RegisteredContainerProps {
  readonly prefix: string;
  readonly image: Artefact;
  /** The core's archive, which has its base in it. */
  readonly base: Artefact;
  readonly core: FleetModel;
  readonly modelStore: Bucket;
  readonly provider: 'cuda' | 'cpu';
}

const keys = 'models/*';

/** What tenants' own models run in, and the role that they run under. */
export function registeredContainer(scope: Construct, props: RegisteredContainerProps): RegisteredContainer {
  const { prefix, image, base, modelStore, provider } = props;
  const logGroups = Stack.of(scope).formatArn({
    ...{ service: 'logs', resource: 'log-group', resourceName: `/aws/sagemaker/InferenceComponents/${prefix}-*` },
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  const role = serviceRole(scope, 'RegisteredModelRole', 'sagemaker.amazonaws.com', [
    ...image.mayRead,
    ...base.mayRead,
    new PolicyStatement({ actions: ['s3:GetObject'], resources: [modelStore.arnForObjects(keys)] }),
    new PolicyStatement({ actions: ['logs:CreateLogGroup', ...mayWriteLogs], resources: [logGroups] }),
    ...mayUseKey(scope),
  ]);
  acknowledge(role, {
    'IAM5[Resource::*]': 'ecr:GetAuthorizationToken cannot be restricted to a repository.',
    [`IAM5[Resource::${arnInFindings(scope, modelStore)}/${keys}]`]:
      'Models are named by their ids, which are not known beforehand.',
    [`IAM5[Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:/aws/sagemaker/InferenceComponents/${prefix}-*]`]:
      "The logs of the deployment's own components.",
  });
  const resources = Object.entries(componentResources(provider));
  return {
    image: image.uri,
    environment: {
      SLINGSHOT_PROVIDER: provider,
      SLINGSHOT_MODEL_DIRECTORY: '/opt/ml/model',
      SLINGSHOT_BASES: '/opt/ml/additional-model-data-sources/base',
      ORT_DISABLE_TELEMETRY: '1',
    },
    ...{ base: base.uri, role, variantName, startupSeconds },
    resources: Object.fromEntries(resources.map(([name, value]) => [name[0].toUpperCase() + name.slice(1), value])),
  };
}
