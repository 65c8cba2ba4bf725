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

/** Faults of the Lambda service, not of the function. */
const lambdaFaults = [
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.TooManyRequestsException',
  'Lambda.ClientExecutionTimeoutException',
];

export interface LambdaTaskProps {
  readonly function: IFunction;
  readonly timeout: Duration;
  readonly comment: string;
  /** The state's input when absent. */
  readonly payload?: TaskInput;
  /** Also tried again: an endpoint that was not there, or not in time. */
  readonly retryEndpoints?: boolean;
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
  task.addRetry(retry(lambdaFaults, 4));
  if (props.retryEndpoints) {
    task.addRetry(retry(['EndpointUnavailable', 'BadAnswer'], 3));
    task.addRetry(retry(['EndpointTimeout', 'States.Timeout'], 1));
  }
  return task;
}
