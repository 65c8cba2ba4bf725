import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Context } from 'aws-lambda';
import { withEnvironment } from '../../functions/shared/environment.ts';
import type { Handler } from '../../functions/shared/lambda.ts';
import type { LocalFunction } from './definitions.ts';
import { provideStreaming } from './streaming-lambda.ts';

const functions = join(import.meta.dirname, '..', '..', 'functions');

/** A function's handler, run in this process with settings of its own. */
export async function loadHandler(local: LocalFunction): Promise<(event: unknown) => Promise<unknown>> {
  const handler = (await load(local)) as Handler<unknown>;
  return (event) => withEnvironment(local.environment, () => handler(event, lambdaContext(local)));
}

/** The same for a handler that streams its answer. */
export async function loadStreamingHandler(
  local: LocalFunction,
): Promise<(event: unknown, response: ServerResponse) => Promise<unknown>> {
  provideStreaming();
  const handler = (await load(local)) as (event: unknown, response: unknown, context: Context) => Promise<unknown>;
  return (event, response) => withEnvironment(local.environment, () => handler(event, response, lambdaContext(local)));
}

async function load({ folder }: LocalFunction): Promise<unknown> {
  const module = await import(pathToFileURL(join(functions, folder, 'handler.ts')).href);
  return module.handler;
}

function lambdaContext({ arn, folder, timeoutMilliseconds }: LocalFunction): Context {
  const ignore = () => {};
  const deadline = performance.now() + timeoutMilliseconds;
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName: folder,
    functionVersion: '$LATEST',
    invokedFunctionArn: arn,
    memoryLimitInMB: '1769',
    awsRequestId: randomUUID(),
    logGroupName: folder,
    logStreamName: 'local',
    getRemainingTimeInMillis: () => Math.max(0, deadline - performance.now()),
    done: ignore,
    fail: ignore,
    succeed: ignore,
  };
}
