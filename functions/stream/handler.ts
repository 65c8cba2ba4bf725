import { Readable } from 'node:stream';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import middy from '@middy/core';
import { executionModeStreamifyResponse } from '@middy/core/StreamifyResponse';
import type { APIGatewayProxyEvent } from 'aws-lambda';
import { dispatch } from '../api/dispatch.ts';
import { createGeneration, getGenerationEvents } from '../api/generation-routes.ts';
import type { Handlers } from '../api/http.ts';
import { createChatCompletion, createCompletion } from '../api/openai-routes.ts';
import { logger, metrics } from '../shared/lambda.ts';

const handlers: Handlers<'stream'> = { createChatCompletion, createCompletion, createGeneration, getGenerationEvents };

/** The routes whose answers come as they are made, or take longer than a gateway waits for a whole one. */
export const handler = middy({ executionMode: executionModeStreamifyResponse })
  .use(injectLambdaContext(logger, { clearState: true }))
  .use(logMetrics(metrics))
  .handler(async (event: unknown) => {
    const response = await dispatch(event as APIGatewayProxyEvent, handlers);
    const { status, headers = {} } = response;
    const body = 'events' in response ? Readable.from(response.events) : JSON.stringify(response.body);
    return { statusCode: status, headers: { ...headers }, body };
  });
