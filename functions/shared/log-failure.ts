import type { Logger } from '@aws-lambda-powertools/logger';
import type { ApiError } from '../contracts/problem.ts';
import { Cancelled, InvalidRequest, Unauthorized } from './errors.ts';

/** As much of a message as a log keeps: it may repeat what a caller or a container wrote. */
const messageLength = 200;
const frames = 8;

/**
 * Logs why a function failed: a request that was refused is no failure of the service, and has no stack that says
 * anything. Messages are cut, those of causes too.
 */
export function logFailure(logger: Pick<Logger, 'error' | 'info'>, error: Error): void {
  const line = error.message.slice(0, messageLength);
  if (error instanceof InvalidRequest || error instanceof Unauthorized || error instanceof Cancelled) {
    logger.info(line, { error: error.name });
    return;
  }
  const { cause } = error;
  logger.error(line, {
    error: error.name,
    stack: stackOf(error),
    ...(cause instanceof Error ? { cause: `${cause.name}: ${cause.message.slice(0, messageLength)}` } : {}),
  });
}

/** Logs what a caller is told of, where it is the service's fault. */
export function logProblem(logger: Pick<Logger, 'error' | 'info'>, error: ApiError): void {
  if (error.status >= 500) logFailure(logger, (error.cause as Error | undefined) ?? error);
}

/** Where it happened; the stack's first lines repeat the message. */
function stackOf({ stack = '' }: Error): string[] {
  const places = stack.split('\n').filter((line) => /^ {4}at /.test(line));
  return places.slice(0, frames).map((line) => line.trim());
}
