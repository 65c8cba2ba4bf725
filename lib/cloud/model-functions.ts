import { Size, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as Lambda } from 'aws-cdk-lib/aws-lambda';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { ServedFiles } from '../../models/checkpoint/served-model.ts';
import { acknowledge } from './acknowledge.ts';
import type { Artefact } from './artefacts.ts';
import { mayUseKey } from './customer-key.ts';
import { lambdaFunction } from './lambda-function.ts';
import { arnInFindings } from './logical-id.ts';
import type { Tenancy } from './tenancy.ts';
import type { TimeBudget } from './time-budget.ts';

export interface ModelFunctionsProps {
  readonly prefix: string;
  readonly budget: TimeBudget;
  readonly bucket: Bucket;
  readonly modelStore: Bucket;
  readonly tenancy: Tenancy;
  readonly catalog: Artefact;
  /** Names of the endpoints that tenants' own models are placed on, or what they begin with and an asterisk. */
  readonly endpoints: readonly string[];
  readonly kept: number;
  readonly tokenizerOf: ServedFiles;
}

export type ModelFunctions = Readonly<Record<'validateModel' | 'publishModel', Lambda>>;

/** What a model that was sent takes on the disk: the archive, its files, and the archive that is made of them. */
const diskMebibytes = 4096;
const stored = 'models/*';

/** The functions that check tenants' own models, and let them serve. */
export function modelFunctions(scope: Construct, props: ModelFunctionsProps): ModelFunctions {
  const { prefix, budget, bucket, modelStore, tenancy, catalog, endpoints, kept, tokenizerOf } = props;
  const stack = Stack.of(scope);
  const arn = (resource: string, resourceName: string) =>
    stack.formatArn({ service: 'sagemaker', resource, resourceName });
  const components = `${prefix}-*`;
  const validateModel = lambdaFunction(scope, 'ValidateModel', {
    ...{ folder: 'validate-model', timeout: budget.validate, tokenizerOf },
    disk: Size.mebibytes(diskMebibytes),
    environment: {
      ...tenancy.environment,
      SLINGSHOT_BUCKET: bucket.bucketName,
      SLINGSHOT_MODEL_STORE: modelStore.bucketName,
    },
    statements: [
      new PolicyStatement({ actions: ['s3:PutObject'], resources: [modelStore.arnForObjects(stored)] }),
      ...mayUseKey(scope),
    ],
  });
  const publishModel = lambdaFunction(scope, 'PublishModel', {
    ...{ folder: 'publish-model', timeout: budget.call, tokenizerOf },
    environment: {
      ...tenancy.environment,
      SLINGSHOT_CATALOG: catalog.uri,
      SLINGSHOT_KEPT: String(kept),
      SLINGSHOT_MODEL_STORE: modelStore.bucketName,
      SLINGSHOT_DEPLOYMENT: stack.stackId,
      SLINGSHOT_ENDPOINT_TIMEOUT_MS: String(budget.endpoint.toMilliseconds()),
    },
    statements: [
      new PolicyStatement({
        actions: ['sagemaker:InvokeEndpoint'],
        resources: [...endpoints.map((name) => arn('endpoint', name)), arn('inference-component', components)],
      }),
      ...catalog.mayRead,
      new PolicyStatement({ actions: ['s3:DeleteObject'], resources: [modelStore.arnForObjects(stored)] }),
      ...mayUseKey(scope),
    ],
  });
  for (const { role } of [validateModel, publishModel]) if (role) tenancy.actsForTenants(role);
  const archives = {
    [`IAM5[Resource::${arnInFindings(scope, modelStore)}/${stored}]`]:
      'Models are named by their ids, which are not known beforehand.',
  };
  if (validateModel.role) acknowledge(validateModel.role, archives);
  if (publishModel.role) {
    acknowledge(publishModel.role, {
      ...archives,
      [`IAM5[Resource::arn:<AWS::Partition>:sagemaker:<AWS::Region>:<AWS::AccountId>:endpoint/${prefix}-tenants*]`]:
        "The deployment's own endpoints of tenants; a policy has no room for each of thirty.",
      [`IAM5[Resource::arn:<AWS::Partition>:sagemaker:<AWS::Region>:<AWS::AccountId>:inference-component/${components}]`]:
        "Components of the deployment's own endpoints.",
    });
  }
  return { validateModel, publishModel };
}
