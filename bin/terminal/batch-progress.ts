import type { ApiBatch } from '../../functions/contracts/api/batches.ts';
import { isInteractive } from './printable.ts';

const width = 24;
/** How often a line is written where there is no terminal. */
const lineMilliseconds = 30_000;

/**
 * Shows how far a batch is: a bar that moves on a terminal; elsewhere a line whenever its status changes, and now and then.
 *
 * @param now in milliseconds
 */
export function batchProgress(
  stream: NodeJS.WriteStream = process.stderr,
  now: () => number = Date.now,
): { show(batch: ApiBatch): void; end(): void } {
  const lively = isInteractive(stream);
  let first: { readonly at: number; readonly tokens: number; readonly done: number } | undefined;
  let last = { status: '', at: 0 };
  return {
    show(batch) {
      const { tokens } = batch.slingshot;
      const { completed, failed } = batch.request_counts;
      first ??= { at: now(), tokens, done: completed + failed };
      const seconds = (now() - first.at) / 1000;
      const line = lineOf(batch, {
        tokens: seconds > 0 ? (tokens - first.tokens) / seconds : 0,
        rows: seconds > 0 ? (completed + failed - first.done) / seconds : 0,
      });
      if (lively) stream.write(`\r${line}\u001b[K`);
      else if (batch.status !== last.status || now() - last.at >= lineMilliseconds) {
        stream.write(`${line}\n`);
        last = { status: batch.status, at: now() };
      }
    },
    end() {
      if (lively) stream.write('\r\u001b[K');
    },
  };
}

/** @param rates a second */
export function lineOf(
  { status, request_counts: { total, completed, failed } }: Pick<ApiBatch, 'status' | 'request_counts'>,
  rates: { readonly tokens: number; readonly rows: number },
): string {
  if (total === 0) return status;
  const done = completed + failed;
  const filled = Math.floor((width * done) / total);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`;
  const parts = [`${bar} ${done} of ${total} rows`];
  if (failed > 0) parts.push(`${failed} failed`);
  if (rates.tokens > 0) parts.push(`${Math.round(rates.tokens)} tokens/s`);
  if (rates.rows > 0 && done < total) parts.push(`${timeOf((total - done) / rates.rows)} left`);
  if (status !== 'in_progress') parts.push(status);
  return parts.join(', ');
}

function timeOf(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
