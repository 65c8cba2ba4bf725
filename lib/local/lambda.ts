import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Context } from 'aws-lambda';
import { withEnvironment } from '../../functions/shared/environment.ts';
import type { Handler } from '../../functions/shared/lambda.ts';
import type { LocalFunction } from './definitions.ts';

const functions = join(import.meta.dirname, '..', '..', 'functions');

/** A function's handler, run in this process with settings of its own. */
export async function loadHandler(local: LocalFunction): Promise<(event: unknown) => Promise<unknown>> {
  const module = await import(pathToFileURL(join(functions, local.folder, 'handler.ts')).href);
  const handler = module.handler as Handler<unknown>;
  return (event) => withEnvironment(local.environment, () => handler(event, lambdaContext(local)));
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
