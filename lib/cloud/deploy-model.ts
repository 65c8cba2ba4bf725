import { Duration, Stack } from 'aws-cdk-lib';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import {
  Choice,
  Condition,
  JsonPath,
  Pass,
  type StateMachine,
  StateMachineType,
  TaskInput,
  Timeout,
  Wait,
  WaitTime,
} from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsService } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { mayUseKey } from './customer-key.ts';
import { tenantPath } from './run-of.ts';
import { stateMachine } from './state-machine.ts';
import { lambdaTask, retry } from './task.ts';
import { retries, type TimeBudget } from './time-budget.ts';

export interface DeployModelProps {
  readonly validateModel: IFunction;
  readonly publishModel: IFunction;
  readonly budget: TimeBudget;
  /** What a registered model runs in. */
  readonly container: RegisteredContainer;
  /** What names of components begin with. */
  readonly prefix: string;
}

/** What all registered models run in and as; theirs alone is the archive. */
export interface RegisteredContainer {
  readonly image: string;
  readonly environment: Readonly<Record<string, string>>;
  /** An archive with the core's base, which models may compute by. */
  readonly base: string;
  readonly role: IRole;
  readonly variantName: string;
  readonly resources: Readonly<Record<string, number>>;
  readonly startupSeconds: number;
}

/** How often SageMaker is asked whether a component is there. */
const pollSeconds = 10;

const curable = ['SageMaker.ThrottlingException', 'SageMaker.SdkClientException', 'SageMaker.SageMakerException'];

/**
 * From a model that a tenant sent to a component that serves it: validate, make the component, wait for it, have it
 * answer, and let it serve. What fails is put down with its reason, and costs nothing further. Retiring one is the end of
 * the same path.
 */
export function deployModel(parent: Construct, props: DeployModelProps): StateMachine {
  const { validateModel, publishModel, budget, container, prefix } = props;
  const scope = new Construct(parent, 'DeployModel');
  const stack = Stack.of(scope);
  const own = (name: string) => JsonPath.stringAt(`$$.Execution.Input.${name}`);
  const who = {
    tenant: JsonPath.stringAt(tenantPath),
    ...{ id: own('id'), act: own('act'), component: own('component'), endpoint: own('endpoint') },
  };
  const arn = (resource: string) => stack.formatArn({ service: 'sagemaker', resource, resourceName: `${prefix}-*` });
  const sageMaker = (name: string, action: string, parameters: Record<string, unknown>, resultPath: string) => {
    const task = new CallAwsService(scope, name, {
      ...{ stateName: name, service: 'sagemaker', action, parameters, resultPath },
      iamResources: [arn(/Model$/.test(action) ? 'model' : 'inference-component')],
      taskTimeout: Timeout.duration(Duration.minutes(1)),
    });
    task.addRetry(retry(curable, retries.compute));
    return task;
  };
  const wanted = new Choice(scope, 'Deploy or retire?', { stateName: 'Deploy or retire?' });
  const validating = lambdaTask(scope, 'Validate model', {
    function: validateModel,
    timeout: budget.validate,
    retries: retries.compute,
    comment: 'Format, tokenizer, size, base: before anything is paid for',
    payload: TaskInput.fromObject(who),
    resultPath: '$.validated',
  });
  const making = sageMaker(
    'Make model',
    'createModel',
    {
      ModelName: own('component'),
      ExecutionRoleArn: container.role.roleArn,
      EnableNetworkIsolation: true,
      PrimaryContainer: {
        Image: container.image,
        ModelDataUrl: JsonPath.stringAt('$.validated.modelData'),
        Environment: container.environment,
        AdditionalModelDataSources: [
          {
            ChannelName: 'base',
            S3DataSource: { S3Uri: container.base, S3DataType: 'S3Object', CompressionType: 'Gzip' },
          },
        ],
      },
    },
    JsonPath.DISCARD,
  );
  const placing = sageMaker(
    'Place component',
    'createInferenceComponent',
    {
      InferenceComponentName: own('component'),
      EndpointName: own('endpoint'),
      VariantName: container.variantName,
      RuntimeConfig: { CopyCount: 1 },
      Specification: {
        ModelName: own('component'),
        StartupParameters: { ContainerStartupHealthCheckTimeoutInSeconds: container.startupSeconds },
        ComputeResourceRequirements: container.resources,
      },
    },
    JsonPath.DISCARD,
  );
  const asking = sageMaker(
    'Ask for component',
    'describeInferenceComponent',
    { InferenceComponentName: own('component') },
    '$.placed',
  );
  const waiting = new Wait(scope, 'Wait for component', {
    stateName: 'Wait for component',
    time: WaitTime.duration(Duration.seconds(pollSeconds)),
  });
  const serving = new Choice(scope, 'Is it there?', { stateName: 'Is it there?' });
  const publishing = lambdaTask(scope, 'Publish model', {
    function: publishModel,
    timeout: budget.call,
    retries: retries.call,
    comment: 'It must answer, and then serves its share',
    payload: TaskInput.fromObject(who),
  });
  const removing = sageMaker(
    'Remove component',
    'deleteInferenceComponent',
    { InferenceComponentName: own('component') },
    JsonPath.DISCARD,
  );
  const forgetting = sageMaker('Forget model', 'deleteModel', { ModelName: own('component') }, JsonPath.DISCARD);
  const closing = lambdaTask(scope, 'Put down', {
    function: publishModel,
    timeout: budget.call,
    retries: retries.compute,
    comment: 'That it failed, and why, or that it is retired',
    payload: TaskInput.fromObject({ ...who, error: JsonPath.objectAt('$.error') }),
  });
  for (const task of [validating, making, placing, asking, publishing]) {
    task.addCatch(removing, { resultPath: '$.error' });
  }
  // It may never have come so far.
  removing.addCatch(forgetting, { resultPath: JsonPath.DISCARD });
  forgetting.addCatch(closing, { resultPath: JsonPath.DISCARD });
  removing.next(forgetting).next(closing);
  const failed = new Pass(scope, 'Component failed', {
    stateName: 'Component failed',
    parameters: { Error: 'InvalidModel', 'Cause.$': '$.placed.FailureReason' },
    resultPath: '$.error',
  });
  failed.next(removing);
  wanted.when(Condition.stringEquals('$.act', 'retire'), removing).otherwise(validating);
  validating.next(making).next(placing).next(asking).next(serving);
  serving
    .when(Condition.stringEquals('$.placed.InferenceComponentStatus', 'InService'), publishing)
    .when(Condition.stringEquals('$.placed.InferenceComponentStatus', 'Failed'), failed)
    .otherwise(waiting);
  waiting.next(asking);
  const machine = stateMachine(scope, {
    ...{ name: 'DeployModel', type: StateMachineType.STANDARD, start: wanted },
    timeout: Duration.hours(1),
    functions: [validateModel, publishModel],
  });
  machine.addToRolePolicy(
    new PolicyStatement({
      actions: ['iam:PassRole'],
      resources: [container.role.roleArn],
      conditions: { StringEquals: { 'iam:PassedToService': 'sagemaker.amazonaws.com' } },
    }),
  );
  const ours = (resource: string) =>
    `IAM5[Resource::arn:<AWS::Partition>:sagemaker:<AWS::Region>:<AWS::AccountId>:${resource}/${prefix}-*]`;
  acknowledge(machine, {
    [ours('model')]: "Models are named by their ids, after the deployment's prefix.",
    [ours('inference-component')]: "Components are named by their models' ids, after the deployment's prefix.",
  });
  for (const statement of mayUseKey(scope)) machine.addToRolePolicy(statement);
  return machine;
}
