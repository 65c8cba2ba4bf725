import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware';
import middy from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda';
import { logger, metrics, tracer } from '../shared/lambda.ts';
import { type AnyHandlers, dispatch } from './dispatch.ts';
import { readerOf } from './reader.ts';

/** The handler of a function whose routes' answers are there at once. */
export function bufferedHandler(handlers: AnyHandlers) {
  return middy<APIGatewayProxyEvent, APIGatewayProxyResult>()
    .use(captureLambdaHandler(tracer, { captureResponse: false }))
    .use(injectLambdaContext(logger, { clearState: true }))
    .use(logMetrics(metrics))
    .handler(async (event: APIGatewayProxyEvent, context: Context): Promise<APIGatewayProxyResult> => {
      const { tier } = event.requestContext.authorizer ?? {};
      if (typeof tier === 'string') tracer.putAnnotation('tier', tier);
      const response = await dispatch(event, handlers, readerOf(context));
      if (!('body' in response)) throw new Error(`${event.resource} answers with a stream`);
      const { status, headers = {}, body } = response;
      return { statusCode: status, headers: { ...headers }, body: JSON.stringify(body) };
    });
}
