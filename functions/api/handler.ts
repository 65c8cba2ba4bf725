import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware';
import middy from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda';
import { logger, metrics, tracer } from '../shared/lambda.ts';
import { dispatch } from './dispatch.ts';
import { cancelledGeneration, getGeneration } from './generation-routes.ts';
import type { Handlers } from './http.ts';
import { createdModel, gotModel } from './model-routes.ts';
import { readerOf } from './reader.ts';
import { getReadiness } from './ready.ts';
import {
  createContext,
  deletedContext,
  getDocument,
  getUsage,
  gotContext,
  listedContexts,
  listModels,
} from './resource-routes.ts';
import { createdUpload, gotUpload } from './upload-routes.ts';

const handlers: Handlers<'api'> = {
  createModel: createdModel,
  getModel: gotModel,
  createUpload: createdUpload,
  getUpload: gotUpload,
  listModels,
  getGeneration,
  cancelGeneration: cancelledGeneration,
  createContext,
  listContexts: listedContexts,
  getContext: gotContext,
  deleteContext: deletedContext,
  getUsage,
  getReadiness,
  getDocument,
};

/** The routes whose answers are there at once. */
export const handler = middy<APIGatewayProxyEvent, APIGatewayProxyResult>()
  .use(captureLambdaHandler(tracer, { captureResponse: false }))
  .use(injectLambdaContext(logger, { clearState: true }))
  .use(logMetrics(metrics))
  .handler(async (event: APIGatewayProxyEvent, context: Context): Promise<APIGatewayProxyResult> => {
    const response = await dispatch(event, handlers, readerOf(context));
    if (!('body' in response)) throw new Error(`${event.resource} answers with a stream`);
    const { status, headers = {}, body } = response;
    return { statusCode: status, headers: { ...headers }, body: JSON.stringify(body) };
  });
