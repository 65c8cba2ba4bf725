import { ArnFormat, Duration, Stack } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as Lambda } from 'aws-cdk-lib/aws-lambda';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { keyPartition, tenantsPartition } from '../../functions/contracts/tenant.ts';
import type { ServedFiles } from '../../models/checkpoint/served-model.ts';
import { acknowledge } from './acknowledge.ts';
import type { Artefact } from './artefacts.ts';
import { mayUseKey } from './customer-key.ts';
import { type LambdaFunctionProps, lambdaFunction } from './lambda-function.ts';
import { logicalId } from './logical-id.ts';
import type { Tenancy } from './tenancy.ts';
import type { TimeBudget } from './time-budget.ts';

export interface ServiceFunctionsProps {
  /** What names of models' components begin with. */
  readonly prefix: string;
  readonly budget: TimeBudget;
  readonly bucket: Bucket;
  readonly tenancy: Tenancy;
  readonly catalog: Artefact;
  /** Names of the cores' endpoints. */
  readonly cores: readonly string[];
  readonly generation: StateMachine;
  /** What deploys tenants' own models, and the endpoints that they are placed on. */
  readonly deploying: StateMachine;
  readonly tenantEndpoints: readonly string[];
  readonly batch: StateMachine;
  /** Rows of a batch that are run side by side. */
  readonly batchLanes: number;
  readonly kept: number;
  /** How long a stream may say nothing. */
  readonly heartbeat: Duration;
  /** Texts that one generation may make side by side. */
  readonly mostLanes: number;
  readonly tokenizerOf: ServedFiles;
}

export type ServiceFunctions = Readonly<Record<'api' | 'stream' | 'operate', Lambda>>;

/** How an execution ends that has not put its own end down. */
const untoldEnds = ['FAILED', 'TIMED_OUT', 'ABORTED'];

/** As long as API Gateway waits for a buffered answer, and as long as it lets one stream. */
export const apiSeconds = 29;
export const streamMinutes = 15;

/** The functions behind the API, and the one that puts down how an execution ended. */
export function serviceFunctions(scope: Construct, props: ServiceFunctionsProps): ServiceFunctions {
  const { budget, bucket, tenancy, catalog, cores, generation, deploying, batch, tokenizerOf } = props;
  const stack = Stack.of(scope);
  const environment = {
    ...tenancy.environment,
    SLINGSHOT_BUCKET: bucket.bucketName,
    SLINGSHOT_CATALOG: catalog.uri,
    SLINGSHOT_KEPT: String(props.kept),
    SLINGSHOT_HEARTBEAT_MS: String(props.heartbeat.toMilliseconds()),
    SLINGSHOT_MOST_LANES: String(props.mostLanes),
    SLINGSHOT_GENERATE_ARN: generation.stateMachineArn,
    SLINGSHOT_BATCH_ARN: batch.stateMachineArn,
    SLINGSHOT_BATCH_LANES: String(props.batchLanes),
    SLINGSHOT_ENDPOINT_TIMEOUT_MS: String(budget.endpoint.toMilliseconds()),
  };
  const arn = (service: string, resource: string, resourceName: string) =>
    stack.formatArn({ service, resource, resourceName });
  const components = `${props.prefix}-*`;
  const executionsOf = ({ stateMachineName }: StateMachine) =>
    stack.formatArn({
      ...{ service: 'states', resource: 'execution', resourceName: `${stateMachineName}:*` },
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  const of = (actions: string[], resources: string[]) => new PolicyStatement({ actions, resources });
  const mayRun = [
    of(['states:StartExecution', 'states:DescribeStateMachine'], [generation.stateMachineArn]),
    of(['states:StopExecution'], [executionsOf(generation)]),
    ...catalog.mayRead,
    ...mayUseKey(scope),
  ];
  const mayAsk = of(
    ['sagemaker:InvokeEndpoint'],
    [...cores.map((name) => arn('sagemaker', 'endpoint', name)), arn('sagemaker', 'inference-component', components)],
  );
  const accepted = {
    [`IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<${logicalId(generation)}.Name>:*]`]:
      'Executions of the one state machine, which have the ids of generations.',
    [`IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<${logicalId(batch)}.Name>:*]`]:
      'Executions of the one state machine, which have the ids of batches.',
    [`IAM5[Resource::arn:<AWS::Partition>:sagemaker:<AWS::Region>:<AWS::AccountId>:inference-component/${components}]`]:
      "Components of the stack's own endpoints.",
  };
  const make = (
    id: string,
    own: Omit<LambdaFunctionProps, 'environment'> & Partial<Pick<LambdaFunctionProps, 'environment'>>,
  ) => {
    const made = lambdaFunction(scope, id, { environment, ...own });
    if (!made.role) return made;
    acknowledge(made.role, accepted);
    tenancy.actsForTenants(made.role);
    return made;
  };
  const ending = make('EndGeneration', {
    ...{ folder: 'end-generation', timeout: budget.compute },
    statements: [of(['states:DescribeExecution'], [generation, batch].map(executionsOf)), ...mayUseKey(scope)],
  });
  new Rule(scope, 'GenerationEnded', {
    description: 'An execution that ended, however it did',
    eventPattern: {
      source: ['aws.states'],
      detailType: ['Step Functions Execution Status Change'],
      detail: {
        stateMachineArn: [generation.stateMachineArn, batch.stateMachineArn],
        status: untoldEnds,
      },
    },
    targets: [new LambdaFunction(ending, { retryAttempts: 185, maxEventAge: Duration.hours(24) })],
  });
  return {
    api: make('Api', {
      ...{ folder: 'api', timeout: Duration.seconds(apiSeconds), tokenizerOf },
      environment: {
        ...environment,
        SLINGSHOT_PREFIX: props.prefix,
        SLINGSHOT_DEPLOY_MODEL_ARN: deploying.stateMachineArn,
        SLINGSHOT_TENANT_ENDPOINTS: props.tenantEndpoints.join(','),
      },
      statements: [
        ...mayRun,
        mayAsk,
        of(['states:StartExecution'], [deploying.stateMachineArn, batch.stateMachineArn]),
      ],
    }),
    operate: make('Operate', {
      ...{ folder: 'operate', timeout: Duration.seconds(apiSeconds), tokenizerOf },
      statements: [
        of(['states:DescribeStateMachine', 'states:ListExecutions'], [generation.stateMachineArn]),
        of(['states:GetExecutionHistory'], [executionsOf(generation)]),
        ...tenancy.mayTouch(['Query', 'GetItem', 'UpdateItem'], [tenantsPartition]),
        ...tenancy.mayTouch(['GetItem', 'PutItem', 'UpdateItem'], [keyPartition('*')]),
        ...tenancy.mayTouch(['PutItem'], ['AUDIT#*']),
        ...catalog.mayRead,
      ],
    }),
    stream: make('Stream', {
      ...{ folder: 'stream', timeout: Duration.minutes(streamMinutes), tokenizerOf },
      statements: mayRun,
    }),
  };
}
