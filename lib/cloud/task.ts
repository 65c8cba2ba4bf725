import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { type IChainable, JitterType, type RetryProps, type TaskInput, Timeout } from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';

/** Retries spread out at random, so that many executions that failed together do not come back together. */
export function retry(errors: string[], maxAttempts: number): RetryProps {
  return {
    errors,
    maxAttempts,
    interval: Duration.seconds(1),
    backoffRate: 2,
    maxDelay: Duration.seconds(10),
    jitterStrategy: JitterType.FULL,
  };
}

/**
 * What another try may cure: faults of the Lambda service; a function that ran out of time or memory, or was ended; an
 * endpoint or the bucket that was not there, late, or gave something else. Not what will be refused again.
 */
export const curable = [
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.TooManyRequestsException',
  'Lambda.ClientExecutionTimeoutException',
  'Lambda.Unknown',
  'Runtime.ExitError',
  'Sandbox.Timedout',
  'States.Timeout',
  'FunctionTimeout',
  'EndpointUnavailable',
  'EndpointTimeout',
  'BadAnswer',
  'StoreUnavailable',
];

export interface LambdaTaskProps {
  readonly function: IFunction;
  readonly timeout: Duration;
  /** How often it is tried again. */
  readonly retries: number;
  readonly comment: string;
  /** The state's input when absent. */
  readonly payload?: TaskInput;
  readonly resultPath?: string;
}

/** A task state that calls one of the functions; steps are idempotent, so every one may be retried. */
export function lambdaTask(scope: Construct, name: string, props: LambdaTaskProps): LambdaInvoke & IChainable {
  const task = new LambdaInvoke(scope, name, {
    stateName: name,
    comment: props.comment,
    lambdaFunction: props.function,
    ...(props.payload ? { payload: props.payload } : {}),
    payloadResponseOnly: true,
    retryOnServiceExceptions: false,
    taskTimeout: Timeout.duration(props.timeout),
    ...(props.resultPath ? { resultPath: props.resultPath } : {}),
  });
  // One count for all errors, so that their tries do not add up.
  task.addRetry(retry(curable, props.retries));
  return task;
}
