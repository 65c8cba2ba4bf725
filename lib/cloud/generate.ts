import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import {
  Choice,
  Condition,
  JsonPath,
  type StateMachine,
  StateMachineType,
  TaskInput,
} from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { blockLoop } from './block-loop.ts';
import { runOf, tenantPath } from './run-of.ts';
import { stateMachine } from './state-machine.ts';
import { lambdaTask } from './task.ts';
import { retries, type TimeBudget } from './time-budget.ts';

export interface GenerateProps {
  readonly prepare: IFunction;
  readonly commitBlock: IFunction;
  readonly finish: IFunction;
  readonly settleBlock: IFunction;
  readonly denoiseBlock: StateMachine;
  readonly budget: TimeBudget;
}

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
  const block = blockLoop(scope, { denoiseBlock, settleBlock, budget, tenantPath });
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
  preparing.next(block.start);
  block.end.next(recorded);
  recorded.when(Condition.booleanEquals('$.run.recorded', true), committing.next(textDone)).otherwise(textDone);
  textDone.when(Condition.isPresent('$.step.calls[0]'), block.start).otherwise(finishing);
  return stateMachine(scope, {
    name: 'Generate',
    type: StateMachineType.STANDARD,
    start: preparing,
    timeout: budget.generate,
    functions: [prepare, commitBlock, finish, settleBlock],
  });
}
