import { causeMessage } from '../shared/cause-message.ts';
import type { RecordedEnd } from '../shared/generations/record-store.ts';

export interface EndedExecution {
  readonly status: string;
  readonly error?: string | undefined;
  readonly cause?: string | undefined;
}

/** As much of an error's line as is kept. */
const messageLength = 500;

/** What an execution's end is for its generation, where the generation did not put its own end down. */
export function endOf({ status, error, cause }: EndedExecution): RecordedEnd {
  if (status === 'ABORTED' || error === 'Cancelled') return { status: 'cancelled' };
  const named = { TIMED_OUT: 'GenerationTimedOut', SUCCEEDED: 'RecordMissing' }[status] ?? 'GenerationFailed';
  const message = cause === undefined ? `its execution ended as ${status}` : causeMessage(cause);
  return { status: 'failed', error: { code: error || named, message: message.slice(0, messageLength) } };
}
