import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import {
  Choice,
  Condition,
  type INextable,
  JsonPath,
  Pass,
  type State,
  type StateMachine,
  TaskInput,
  Timeout,
  Wait,
  WaitTime,
} from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsService } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import { lambdaTask, retry } from './task.ts';
import { retries, type TimeBudget } from './time-budget.ts';

export interface BlockLoopProps {
  readonly denoiseBlock: StateMachine;
  readonly settleBlock: IFunction;
  readonly budget: TimeBudget;
  /** Where the context object says whose the execution is. */
  readonly tenantPath: string;
}

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
 * One block, or a part of one, in an Express execution of its own; one that failed once more, where that may help. It takes
 * and gives a generation in flight.
 */
export function blockLoop(
  scope: Construct,
  { denoiseBlock, settleBlock, budget, tenantPath }: BlockLoopProps,
): { readonly start: State; readonly end: INextable } {
  /** `{"tenant": ...}`, made of intrinsic functions; a name has nothing in it that JSON escapes. */
  const tenantObject = `States.StringToJson(States.Format('\\{"tenant":{}\\}', States.JsonToString(${tenantPath})))`;
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
  denoising.next(blockSucceeded);
  blockSucceeded.when(Condition.stringEquals('$.Status', 'SUCCEEDED'), readBlock).otherwise(settling);
  const paused = new Choice(scope, 'Does a model wake?', { stateName: 'Does a model wake?' });
  const waiting = new Wait(scope, 'Wait for a model', {
    stateName: 'Wait for a model',
    comment: 'It scaled to zero; the call that found none brings it back',
    time: WaitTime.secondsPath('$.pause'),
  });
  settling.next(paused);
  paused.when(Condition.isPresent('$.pause'), waiting.next(denoising)).otherwise(denoising);
  return { start: denoising, end: readBlock };
}
