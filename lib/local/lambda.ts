import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Context } from 'aws-lambda';
import type { Handler } from '../../functions/shared/lambda.ts';
import type { LocalFunction } from './definitions.ts';

const functions = join(import.meta.dirname, '..', '..', 'functions');

/** A function's handler, run in this process. */
export async function loadHandler({ arn, folder }: LocalFunction): Promise<(event: unknown) => Promise<unknown>> {
  const module = await import(pathToFileURL(join(functions, folder, 'handler.ts')).href);
  const handler = module.handler as Handler<unknown>;
  return (event) => handler(event, lambdaContext(arn, folder));
}

function lambdaContext(arn: string, name: string): Context {
  const ignore = () => {};
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: arn,
    memoryLimitInMB: '1769',
    awsRequestId: randomUUID(),
    logGroupName: name,
    logStreamName: 'local',
    getRemainingTimeInMillis: () => 60_000,
    done: ignore,
    fail: ignore,
    succeed: ignore,
  };
}
