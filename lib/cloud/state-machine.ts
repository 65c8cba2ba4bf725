import { type Duration, Stack } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import {
  CustomerManagedEncryptionConfiguration,
  DefinitionBody,
  type IChainable,
  LogLevel,
  StateMachine,
  type StateMachineType,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { logicalId } from './logical-id.ts';
import { logs } from './logs.ts';
import { keyOf } from './surroundings.ts';

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
  // Step Functions delivers only to groups of this prefix without a resource policy for each.
  const destination = logs(scope, 'Logs', `/aws/vendedlogs/states/${Stack.of(scope).stackName}-${name}`);
  const key = keyOf(scope);
  const machine = new StateMachine(scope, 'StateMachine', {
    stateMachineType: type,
    definitionBody: DefinitionBody.fromChainable(start),
    timeout,
    tracingEnabled: true,
    ...(key ? { encryptionConfiguration: new CustomerManagedEncryptionConfiguration(key) } : {}),
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
