import { Readable, type Writable } from 'node:stream';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import middy from '@middy/core';
import { executionModeStreamifyResponse } from '@middy/core/StreamifyResponse';
import type { APIGatewayProxyEvent, Context } from 'aws-lambda';
import { dispatch } from '../api/dispatch.ts';
import { gotFileContent } from '../api/file-routes.ts';
import { createGeneration, getGenerationEvents } from '../api/generation-routes.ts';
import type { Handlers, Reader } from '../api/http.ts';
import { createChatCompletion, createCompletion } from '../api/openai-routes.ts';
import { readerOf } from '../api/reader.ts';
import { logger, metrics } from '../shared/lambda.ts';

const handlers: Handlers<'stream'> = {
  createChatCompletion,
  createCompletion,
  createGeneration,
  getGenerationEvents,
  getFileContent: gotFileContent,
};

interface Asked {
  readonly event: APIGatewayProxyEvent;
  readonly reader: Reader;
}

type Streaming = (asked: Asked, answer: Writable, context: Context) => Promise<void>;

const answered = middy({ executionMode: executionModeStreamifyResponse })
  .use(injectLambdaContext(logger, { clearState: true }))
  .use(logMetrics(metrics))
  .handler(async (asked: unknown) => {
    const { event, reader } = asked as Asked;
    const response = await dispatch(event, handlers, reader);
    const { status, headers = {} } = response;
    const body = 'events' in response ? Readable.from(response.events) : JSON.stringify(response.body);
    return { statusCode: status, headers: { ...headers }, body };
  });

/**
 * The routes whose answers come as they are made, or take longer than a gateway waits for a whole one. What the answer is
 * written to tells where its reader goes before there is any.
 */
export const handler = awslambda.streamifyResponse((event, answer, context) =>
  (answered as unknown as Streaming)({ event, reader: readerOf(context, answer) }, answer, context),
);
