import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import {
  Choice,
  Condition,
  JsonPath,
  Map as MapState,
  type StateMachine,
  StateMachineType,
  Succeed,
  TaskInput,
} from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { runOf } from './run-of.ts';
import { stateMachine } from './state-machine.ts';
import { lambdaTask } from './task.ts';
import { retries, type TimeBudget } from './time-budget.ts';

export interface DenoiseBlockProps {
  readonly invokeModel: IFunction;
  readonly reduce: IFunction;
  readonly denoiseVisit: IFunction;
  readonly budget: TimeBudget;
}

/**
 * One block, as a loop over its denoise steps: a Map over the step's calls, then Reduce. It takes and returns a
 * generation in flight (`stateSchema` in functions/contracts/generation.ts).
 */
export function denoiseBlock(parent: Construct, props: DenoiseBlockProps): StateMachine {
  const scope = new Construct(parent, 'DenoiseBlock');
  const { budget } = props;
  const visitSize = new Choice(scope, 'One step a visit?', { stateName: 'One step a visit?' });
  const askModel = lambdaTask(scope, 'Ask model', {
    function: props.invokeModel,
    timeout: budget.call,
    retries: retries.call,
    comment: 'One member of the ensemble answers for one step',
  });
  const fanOut = new MapState(scope, 'Ask models', {
    stateName: 'Ask models',
    comment: "The step's routes, all at once",
    itemsPath: '$.step.calls',
    // Each call gets its own member's context and self-conditioning, and no other's.
    itemSelector: {
      run: runOf(),
      call: JsonPath.objectAt('$$.Map.Item.Value'),
      generation: JsonPath.objectAt('$.step.generation'),
      prompts: JsonPath.objectAt('$.prompts'),
      checkedAt: JsonPath.numberAt('$.step.ledger.checkedAt'),
      'contexts.$': 'States.ArrayGetItem($.contexts, $$.Map.Item.Value.context)',
      'previous.$': 'States.ArrayGetItem($.step.previous, $$.Map.Item.Value.previous)',
    },
    resultPath: '$.step.answers',
  }).itemProcessor(askModel);
  const startedAt = JsonPath.stringAt('$$.Execution.StartTime');
  const reduce = lambdaTask(scope, 'Reduce', {
    function: props.reduce,
    timeout: budget.compute,
    retries: retries.compute,
    comment: 'Merge the logits, project, decide what comes next',
    payload: TaskInput.fromObject({
      run: runOf(),
      generation: JsonPath.objectAt('$.step.generation'),
      answers: JsonPath.objectAt('$.step.answers'),
      ledger: JsonPath.objectAt('$.step.ledger'),
      startedAt,
    }),
    resultPath: '$.step',
  });
  const visit = lambdaTask(scope, 'Visit', {
    function: props.denoiseVisit,
    timeout: budget.visit,
    retries: retries.visit,
    comment: 'Several steps in one function, which fans out itself',
    payload: TaskInput.fromObject({
      run: runOf(),
      prompts: JsonPath.objectAt('$.prompts'),
      contexts: JsonPath.objectAt('$.contexts'),
      step: JsonPath.objectAt('$.step'),
      startedAt,
    }),
    resultPath: '$.step',
  });
  const blockDone = new Choice(scope, 'Go on?', { stateName: 'Go on?' });
  visitSize.when(Condition.numberEquals('$.run.visit', 1), fanOut).otherwise(visit);
  fanOut.next(reduce).next(blockDone);
  visit.next(blockDone);
  blockDone
    .when(Condition.stringEquals('$.step.turn', 'continue'), visitSize)
    .otherwise(new Succeed(scope, 'Block done', { stateName: 'Block done' }));
  return stateMachine(scope, {
    name: 'DenoiseBlock',
    type: StateMachineType.EXPRESS,
    start: visitSize,
    timeout: budget.denoiseBlock,
    functions: [props.invokeModel, props.reduce, props.denoiseVisit],
  });
}
