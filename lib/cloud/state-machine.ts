import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import {
  DefinitionBody,
  type IChainable,
  LogLevel,
  StateMachine,
  type StateMachineType,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { acknowledge, logicalId } from './acknowledge.ts';

export interface StateMachineProps {
  readonly name: string;
  readonly type: StateMachineType;
  readonly start: IChainable;
  readonly timeout: Duration;
  /** The functions that its tasks call. */
  readonly functions: readonly IFunction[];
}

/** A state machine that logs every event, without the data, and traces. */
export function stateMachine(
  scope: Construct,
  { name, type, start, timeout, functions }: StateMachineProps,
): StateMachine {
  const destination = new LogGroup(scope, 'Logs', {
    // Step Functions delivers only to groups of this prefix without a resource policy for each.
    logGroupName: `/aws/vendedlogs/states/slingshot-${name}`,
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const machine = new StateMachine(scope, 'StateMachine', {
    stateMachineType: type,
    definitionBody: DefinitionBody.fromChainable(start),
    timeout,
    tracingEnabled: true,
    logs: { destination, level: LogLevel.ALL, includeExecutionData: false },
  });
  const versions = functions.map((called) => [
    `IAM5[Resource::<${logicalId(called)}.Arn>:*]`,
    'The versions and aliases of a function that the state machine may call.',
  ]);
  acknowledge(machine, {
    'IAM5[Resource::*]': 'Log delivery and X-Ray have no resources to restrict their actions to.',
    ...Object.fromEntries(versions),
  });
  return machine;
}
