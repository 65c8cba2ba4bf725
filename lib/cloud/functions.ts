import { Duration, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { acknowledge, logicalId } from './acknowledge.ts';
import type { Artefact } from './artefacts.ts';
import { mayUseKey } from './customer-key.ts';
import { type LambdaFunctionProps, lambdaFunction } from './lambda-function.ts';

export interface FunctionsProps {
  readonly bucket: Bucket;
  readonly catalog: Artefact;
  /** Names of the endpoints that may be invoked. */
  readonly endpoints: readonly string[];
  /** The longest message that travels in a state. */
  readonly inlineBytes: number;
  /** Entries a position that a logits envelope keeps. */
  readonly kept: number;
  /** The model directory whose config and tokenizer are everyone's. */
  readonly tokenizerOf: string;
}

export type Functions = Readonly<
  Record<'invokeModel' | 'reduce' | 'denoiseVisit' | 'prepare' | 'finish', NodejsFunction>
>;

/** Whose the bucket's objects are: a tenant's, or nobody's. */
const ownedPrefixes = ['tenants/*', 'shared/*'];

/** SageMaker gives an endpoint 60 seconds to answer. */
const endpointTimeout = Duration.seconds(60);
/** How long one call of an endpoint may take, everything included. */
export const callTimeout = Duration.seconds(70);

/** The functions of both state machines, each with the settings and rights that it needs and no others. */
export function functions(scope: Construct, props: FunctionsProps): Functions {
  const { bucket, catalog, endpoints, tokenizerOf } = props;
  const stack = Stack.of(scope);
  const store = { SLINGSHOT_BUCKET: bucket.bucketName, SLINGSHOT_INLINE_BYTES: String(props.inlineBytes) };
  const invoking = { ...store, SLINGSHOT_ENDPOINT_TIMEOUT_MS: String(endpointTimeout.toMilliseconds()) };
  const preparing = { ...store, SLINGSHOT_CATALOG: catalog.uri, SLINGSHOT_KEPT: String(props.kept) };
  const mayStore = [
    new PolicyStatement({
      actions: ['s3:GetObject', 's3:PutObject'],
      resources: ownedPrefixes.map((prefix) => bucket.arnForObjects(prefix)),
    }),
    ...mayUseKey(scope),
  ];
  const arn = (resource: string, resourceName: string) =>
    stack.formatArn({ service: 'sagemaker', resource, resourceName });
  const components = `${stack.stackName}-*`;
  const mayInvoke = new PolicyStatement({
    actions: ['sagemaker:InvokeEndpoint'],
    resources: [...endpoints.map((name) => arn('endpoint', name)), arn('inference-component', components)],
  });
  const accepted = {
    ...Object.fromEntries(
      ownedPrefixes.map((prefix) => [
        `IAM5[Resource::<${logicalId(bucket)}.Arn>/${prefix}]`,
        'Keys under it are digests of their content, not known beforehand.',
      ]),
    ),
    [`IAM5[Resource::arn:<AWS::Partition>:sagemaker:<AWS::Region>:<AWS::AccountId>:inference-component/${components}]`]:
      "Components of the stack's own endpoints, which are named; a policy has no room for each of a thousand tenants.",
  };
  const make = (
    id: string,
    own: Omit<LambdaFunctionProps, 'environment' | 'statements'> & Partial<LambdaFunctionProps>,
  ) => {
    const made = lambdaFunction(scope, id, { environment: {}, statements: [], ...own });
    if (made.role) acknowledge(made.role, accepted);
    return made;
  };
  const short = Duration.seconds(30);
  return {
    invokeModel: make('InvokeModel', {
      ...{ folder: 'invoke-model', timeout: callTimeout },
      ...{ environment: invoking, statements: [mayInvoke, ...mayStore] },
    }),
    reduce: make('Reduce', { folder: 'reduce', timeout: short, environment: store, statements: mayStore }),
    denoiseVisit: make('DenoiseVisit', {
      ...{ folder: 'denoise-visit', timeout: Duration.seconds(100) },
      ...{ environment: invoking, statements: [mayInvoke, ...mayStore] },
    }),
    prepare: make('Prepare', {
      ...{ folder: 'prepare', timeout: short, tokenizerOf },
      ...{ environment: preparing, statements: [...catalog.mayRead, ...mayStore] },
    }),
    finish: make('Finish', { folder: 'finish', timeout: short, tokenizerOf }),
  };
}
