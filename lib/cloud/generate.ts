import { Duration } from 'aws-cdk-lib';
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
} from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsService } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';
import { runOf, tenantPath } from './run-of.ts';
import { stateMachine } from './state-machine.ts';
import { lambdaTask, retry } from './task.ts';
import { retries, type TimeBudget } from './time-budget.ts';

export interface GenerateProps {
  readonly prepare: IFunction;
  readonly commitBlock: IFunction;
  readonly finish: IFunction;
  readonly settleBlock: IFunction;
  readonly denoiseBlock: StateMachine;
  readonly budget: TimeBudget;
}

/** `{"tenant": ...}`, made of intrinsic functions; a name has nothing in it that JSON escapes. */
const tenantObject = `States.StringToJson(States.Format('\\{"tenant":{}\\}', States.JsonToString(${tenantPath})))`;

/** Faults of Step Functions, as its SDK integration names them, which another try may cure. */
const curableByService = [
  'Sfn.SfnException',
  'Sfn.SdkClientException',
  'Sfn.ThrottlingException',
  'Sfn.InternalServerException',
  'Sfn.ServiceUnavailableException',
  'States.Timeout',
];

/**
 * A whole generation: prepare, block after block, finish. Steps live in DenoiseBlock's executions, because a Standard
 * execution's history ends at 25,000 events.
 */
export function generate(parent: Construct, props: GenerateProps): StateMachine {
  const { prepare, commitBlock, finish, settleBlock, denoiseBlock, budget } = props;
  const scope = new Construct(parent, 'Generate');
  const preparing = lambdaTask(scope, 'Prepare', {
    function: prepare,
    timeout: budget.compute,
    retries: retries.compute,
    comment: 'Tokenize the prompt, resolve models and routes',
    payload: TaskInput.fromObject({
      request: JsonPath.objectAt('$$.Execution.Input'),
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
      // With whose it is, by this execution's own input, as the block's.
      'Input.$': `States.JsonToString(States.JsonMerge($, ${tenantObject}, false))`,
    },
    // The execution's own time, and a minute for the service.
    taskTimeout: Timeout.duration(budget.denoiseBlock.plus(Duration.minutes(1))),
  });
  denoising.addRetry(retry(curableByService, retries.denoiseBlock));
  // StartSyncExecution succeeds even where the execution that it started did not.
  const blockSucceeded = new Choice(scope, 'Block succeeded?', { stateName: 'Block succeeded?' });
  const settling = lambdaTask(scope, 'Settle block', {
    function: settleBlock,
    timeout: budget.compute,
    retries: retries.compute,
    comment: 'A block that failed: from its start again, or the end. Redriving an execution begins here',
    payload: TaskInput.fromObject({
      block: JsonPath.entirePayload,
      redrives: JsonPath.numberAt('$$.Execution.RedriveCount'),
    }),
  });
  const readBlock = new Pass(scope, 'Read block', {
    stateName: 'Read block',
    parameters: { 'state.$': 'States.StringToJson($.Output)' },
    outputPath: '$.state',
  });
  const recorded = new Choice(scope, 'Recorded?', { stateName: 'Recorded?' });
  const committing = lambdaTask(scope, 'Commit block', {
    function: commitBlock,
    timeout: budget.compute,
    retries: retries.compute,
    comment: 'A block to text, which callers see from here on',
    payload: TaskInput.fromObject({ run: runOf(), step: JsonPath.objectAt('$.step') }),
    resultPath: '$.step',
  });
  const textDone = new Choice(scope, 'Text done?', { stateName: 'Text done?' });
  const finishing = lambdaTask(scope, 'Finish', {
    function: finish,
    timeout: budget.compute,
    retries: retries.compute,
    comment: 'Tokens to text',
    payload: TaskInput.fromObject({
      run: runOf(),
      generation: JsonPath.objectAt('$.step.generation'),
      ledger: JsonPath.objectAt('$.step.ledger'),
    }),
  });
  preparing.next(denoising).next(blockSucceeded);
  blockSucceeded.when(Condition.stringEquals('$.Status', 'SUCCEEDED'), readBlock).otherwise(settling);
  settling.next(denoising);
  readBlock.next(recorded);
  recorded.when(Condition.booleanEquals('$.run.recorded', true), committing.next(textDone)).otherwise(textDone);
  textDone.when(Condition.isPresent('$.step.calls[0]'), denoising).otherwise(finishing);
  return stateMachine(scope, {
    name: 'Generate',
    type: StateMachineType.STANDARD,
    start: preparing,
    timeout: budget.generate,
    functions: [prepare, commitBlock, finish, settleBlock],
  });
}
