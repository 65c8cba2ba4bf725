import type { Writable } from 'node:stream';
import type { Context } from 'aws-lambda';
import type { Reader } from './http.ts';

/** What is left of a function's time for what has to be done when its answer is late. */
const closingMilliseconds = 1_500;

/** @param answer what the answer is written to, where that tells that its reader has gone */
export function readerOf({ getRemainingTimeInMillis }: Context, answer?: Writable): Reader {
  const gone = new AbortController();
  answer?.once('close', () => {
    if (!answer.writableFinished) gone.abort();
  });
  return { gone: gone.signal, until: Date.now() + getRemainingTimeInMillis() - closingMilliseconds };
}
