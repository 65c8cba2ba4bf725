import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { Tracer } from '@aws-lambda-powertools/tracer';
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import type * as z from 'zod';
import { firstIssue } from '../../models/zod-issue.ts';
import { ContractViolation, FunctionTimeout } from './errors.ts';
import { logFailure } from './log-failure.ts';
import { metricsNamespace } from './metrics-namespace.ts';

export const logger = new Logger();
export const metrics = new Metrics({ namespace: metricsNamespace(), logger });
export const tracer = new Tracer();

export type Handler<Output> = (event: unknown, context: Context) => Promise<Output>;

/** A Lambda handler around a function of a validated event: logs, metrics and traces are wired here once. */
export function lambdaHandler<Input, Output>(
  schema: z.ZodType<Input>,
  run: (input: Input, context: Context) => Promise<Output>,
): Handler<Output> {
  return middy<unknown, Output>({ timeoutEarlyResponse: outOfTime })
    .use(captureLambdaHandler(tracer, { captureResponse: false }))
    .use(injectLambdaContext(logger, { clearState: true }))
    .use(logMetrics(metrics))
    .handler(async (event: unknown, context: Context) => {
      metrics.addMetric('Invocations', MetricUnit.Count, 1);
      try {
        const input = schema.safeParse(event);
        if (input.success) {
          annotate(input.data);
          return await run(input.data, context);
        }
        throw new ContractViolation(firstIssue(input.error, 'input'));
      } catch (error) {
        logFailure(logger, error as Error);
        throw error;
      }
    }) as Handler<Output>;
}

/** What middy calls just before a function would be ended; an error of its own has a name that no retrier knows. */
function outOfTime(): never {
  const error = new FunctionTimeout();
  logFailure(logger, error);
  throw error;
}

/** Lets traces be found by the generation that they are of, by who was asked, and by the model's version. */
function annotate(input: unknown): void {
  const { run, call } = input as {
    run?: { id?: unknown };
    call?: { member?: unknown; endpoint?: { version?: unknown } };
  };
  // A digest of the model, which says nothing of whose it is.
  if (typeof call?.endpoint?.version === 'string') tracer.putAnnotation('model', call.endpoint.version);
  if (typeof run?.id === 'string') tracer.putAnnotation('generation', run.id);
  if (typeof call?.member === 'string') tracer.putAnnotation('part', call.member === 'core' ? 'core' : 'tenant');
}
