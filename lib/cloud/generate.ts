import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import {
  Choice,
  Condition,
  Fail,
  JsonPath,
  Pass,
  type StateMachine,
  StateMachineType,
  TaskInput,
  Timeout,
} from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsService } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';
import { stateMachine } from './state-machine.ts';
import { lambdaTask, retry } from './task.ts';

export interface GenerateProps {
  readonly prepare: IFunction;
  readonly finish: IFunction;
  readonly denoiseBlock: StateMachine;
}

/**
 * A whole generation: prepare, block after block, finish. Steps live in DenoiseBlock's executions, because a Standard
 * execution's history ends at 25,000 events.
 */
export function generate(parent: Construct, { prepare, finish, denoiseBlock }: GenerateProps): StateMachine {
  const scope = new Construct(parent, 'Generate');
  const preparing = lambdaTask(scope, 'Prepare', {
    function: prepare,
    timeout: Duration.seconds(30),
    comment: 'Tokenize the prompt, resolve models and routes',
    payload: TaskInput.fromObject({
      request: JsonPath.entirePayload,
      id: JsonPath.stringAt('$$.Execution.Name'),
    }),
  });
  const denoising = new CallAwsService(scope, 'Denoise block', {
    stateName: 'Denoise block',
    comment: 'One block, or a part of one, in an Express execution',
    service: 'sfn',
    action: 'startSyncExecution',
    iamAction: 'states:StartSyncExecution',
    iamResources: [denoiseBlock.stateMachineArn],
    parameters: {
      StateMachineArn: denoiseBlock.stateMachineArn,
      'Input.$': 'States.JsonToString($)',
    },
    taskTimeout: Timeout.duration(Duration.minutes(6)),
  });
  denoising.addRetry(retry(['Sfn.SfnException', 'Sfn.SdkClientException', 'States.Timeout'], 3));
  // StartSyncExecution succeeds even where the execution that it started did not.
  const blockSucceeded = new Choice(scope, 'Block succeeded?', { stateName: 'Block succeeded?' });
  const failed = new Fail(scope, 'Block failed', {
    stateName: 'Block failed',
    errorPath: '$.Error',
    causePath: '$.Cause',
  });
  const readBlock = new Pass(scope, 'Read block', {
    stateName: 'Read block',
    parameters: { 'state.$': 'States.StringToJson($.Output)' },
    outputPath: '$.state',
  });
  const textDone = new Choice(scope, 'Text done?', { stateName: 'Text done?' });
  const finishing = lambdaTask(scope, 'Finish', {
    function: finish,
    timeout: Duration.seconds(30),
    comment: 'Tokens to text',
    payload: TaskInput.fromObject({
      run: JsonPath.objectAt('$.run'),
      generation: JsonPath.objectAt('$.step.generation'),
    }),
  });
  preparing.next(denoising).next(blockSucceeded);
  blockSucceeded.when(Condition.stringEquals('$.Status', 'SUCCEEDED'), readBlock).otherwise(failed);
  readBlock.next(textDone);
  textDone.when(Condition.isPresent('$.step.calls[0]'), denoising).otherwise(finishing);
  return stateMachine(scope, {
    name: 'Generate',
    type: StateMachineType.STANDARD,
    start: preparing,
    timeout: Duration.hours(1),
    functions: [prepare, finish],
  });
}
