import { Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as Lambda } from 'aws-cdk-lib/aws-lambda';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { ownerPrefix } from '../../functions/shared/object-store.ts';
import type { ServedFiles } from '../../models/checkpoint/served-model.ts';
import { acknowledge } from './acknowledge.ts';
import type { Artefact } from './artefacts.ts';
import { mayUseKey } from './customer-key.ts';
import { type LambdaFunctionProps, lambdaFunction } from './lambda-function.ts';
import { arnInFindings } from './logical-id.ts';
import type { Tenancy } from './tenancy.ts';
import type { TimeBudget } from './time-budget.ts';

export interface FunctionsProps {
  /** What names of models' components begin with. */
  readonly prefix: string;
  readonly budget: TimeBudget;
  readonly bucket: Bucket;
  readonly tenancy: Tenancy;
  readonly catalog: Artefact;
  /** Names of the endpoints that may be invoked, or what they begin with and an asterisk. */
  readonly endpoints: readonly string[];
  /** The longest message that travels in a state. */
  readonly inlineBytes: number;
  /** Entries a position that a logits envelope keeps. */
  readonly kept: number;
  /** How long a generation waits for models that wake. */
  readonly wakeSeconds: number;
  /** The model directory whose config and tokenizer are everyone's. */
  readonly tokenizerOf: ServedFiles;
}

export type Functions = Readonly<
  Record<'invokeModel' | 'reduce' | 'denoiseVisit' | 'prepare' | 'commitBlock' | 'finish' | 'settleBlock', Lambda>
>;

/** What functions keep in the bucket that belongs to no tenant; a tenant's takes a session for it. */
const objectKeys = {
  envelopes: `${ownerPrefix(null)}/envelopes/*`,
  reports: `${ownerPrefix(null)}/reports/*`,
};

/** The functions of both state machines, each with the settings and rights that it needs and no others. */
export function functions(scope: Construct, props: FunctionsProps): Functions {
  const { budget, bucket, tenancy, catalog, endpoints, tokenizerOf } = props;
  const stack = Stack.of(scope);
  const store = {
    ...tenancy.environment,
    SLINGSHOT_BUCKET: bucket.bucketName,
    SLINGSHOT_INLINE_BYTES: String(props.inlineBytes),
  };
  const invoking = {
    ...{ ...store, SLINGSHOT_ENDPOINT_TIMEOUT_MS: String(budget.endpoint.toMilliseconds()) },
    SLINGSHOT_DEPLOYMENT: stack.stackId,
  };
  const preparing = { ...store, SLINGSHOT_CATALOG: catalog.uri, SLINGSHOT_KEPT: String(props.kept) };
  const may = (actions: string[], kind: keyof typeof objectKeys) =>
    new PolicyStatement({ actions, resources: [bucket.arnForObjects(objectKeys[kind])] });
  const mayPass = [may(['s3:GetObject', 's3:PutObject'], 'envelopes'), ...mayUseKey(scope)];
  const mayReport = may(['s3:PutObject'], 'reports');
  const arn = (resource: string, resourceName: string) =>
    stack.formatArn({ service: 'sagemaker', resource, resourceName });
  const components = `${props.prefix}-*`;
  const mayInvoke = new PolicyStatement({
    actions: ['sagemaker:InvokeEndpoint'],
    resources: [...endpoints.map((name) => arn('endpoint', name)), arn('inference-component', components)],
  });
  const accepted = {
    ...Object.fromEntries(
      Object.values(objectKeys).map((key) => [
        `IAM5[Resource::${arnInFindings(scope, bucket)}/${key}]`,
        'Keys have digests of content and names of generations, which are not known beforehand.',
      ]),
    ),
    [`IAM5[Resource::arn:<AWS::Partition>:sagemaker:<AWS::Region>:<AWS::AccountId>:endpoint/${props.prefix}-tenants*]`]:
      "The deployment's own endpoints of tenants; a policy has no room for each of thirty.",
    [`IAM5[Resource::arn:<AWS::Partition>:sagemaker:<AWS::Region>:<AWS::AccountId>:inference-component/${components}]`]:
      "Components of the stack's own endpoints, which are named; a policy has no room for each of a thousand tenants.",
  };
  const make = (
    id: string,
    {
      forTenants = false,
      ...own
    }: Omit<LambdaFunctionProps, 'environment' | 'statements'> &
      Partial<LambdaFunctionProps> & { readonly forTenants?: boolean },
  ) => {
    const made = lambdaFunction(scope, id, { environment: {}, statements: [], ...own });
    if (made.role) acknowledge(made.role, accepted);
    if (made.role && forTenants) tenancy.actsForTenants(made.role);
    return made;
  };
  const { call, visit, compute } = budget;
  return {
    invokeModel: make('InvokeModel', {
      ...{ folder: 'invoke-model', timeout: call },
      ...{ environment: invoking, statements: [mayInvoke, ...mayPass], forTenants: true },
    }),
    reduce: make('Reduce', {
      ...{ folder: 'reduce', timeout: compute },
      ...{ environment: store, statements: [mayReport, ...mayPass], forTenants: true },
    }),
    denoiseVisit: make('DenoiseVisit', {
      ...{ folder: 'denoise-visit', timeout: visit },
      ...{ environment: invoking, statements: [mayInvoke, mayReport, ...mayPass], forTenants: true },
    }),
    prepare: make('Prepare', {
      ...{ folder: 'prepare', timeout: compute, tokenizerOf },
      environment: preparing,
      statements: [...catalog.mayRead, ...mayUseKey(scope)],
      forTenants: true,
    }),
    commitBlock: make('CommitBlock', {
      ...{ folder: 'commit-block', timeout: compute, tokenizerOf },
      ...{ environment: tenancy.environment, forTenants: true },
    }),
    finish: make('Finish', {
      ...{ folder: 'finish', timeout: compute, tokenizerOf },
      ...{ environment: tenancy.environment, forTenants: true },
    }),
    settleBlock: make('SettleBlock', {
      ...{ folder: 'settle-block', timeout: compute },
      environment: { SLINGSHOT_WAKE_SECONDS: String(props.wakeSeconds) },
    }),
  };
}
