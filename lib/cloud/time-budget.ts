import { Duration } from 'aws-cdk-lib';

/**
 * How long everything may take, and how often it is tried. A task's tries with the waits between them fit into what its
 * state machine has left when it begins: test/lib/cloud/time-budget.test.ts adds them up.
 */
export interface TimeBudget {
  /** One answer of an endpoint. SageMaker itself allows 60 seconds. */
  readonly endpoint: Duration;
  /** A function that asks an endpoint once, with what it loads and stores. */
  readonly call: Duration;
  /** A function that asks endpoints step after step, for as long as one more answer is sure to be in time. */
  readonly visit: Duration;
  /** A function that unpacks and checks a model that was sent. */
  readonly validate: Duration;
  /** A function that asks nobody. */
  readonly compute: Duration;
  /** A function that turns some rows to tokens, or back. */
  readonly chunk: Duration;
  /** A function that goes through a whole file. */
  readonly batchFile: Duration;
  readonly denoiseBlock: Duration;
  readonly generate: Duration;
}

export const defaultEndpointTimeout = Duration.seconds(30);

export function timeBudget(endpoint: Duration = defaultEndpointTimeout): TimeBudget {
  const seconds = Math.ceil(endpoint.toMilliseconds() / 1000);
  return {
    endpoint,
    call: Duration.seconds(seconds + 5),
    visit: Duration.seconds(2 * seconds + 5),
    validate: Duration.minutes(5),
    compute: Duration.seconds(10),
    chunk: Duration.minutes(1),
    // Lambda's limit.
    batchFile: Duration.minutes(15),
    // An Express execution's limit.
    denoiseBlock: Duration.minutes(5),
    generate: Duration.hours(12),
  };
}

/** How often a task is tried again. */
export const retries = { call: 3, visit: 2, compute: 3, batchFile: 2, denoiseBlock: 3 };
