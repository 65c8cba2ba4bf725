import type { BatchInput } from '../contracts/batch/states.ts';
import { countsOf, getBatch, madeBefore, moveBatch } from '../shared/batches/batch-store.ts';
import { giveBackToday } from '../shared/batches/quota.ts';
import { causeMessage } from '../shared/cause-message.ts';
import type { EndedExecution } from './end-of.ts';

/** As much of an error's line as is kept. */
const messageLength = 500;

/** Puts down that a batch failed whose execution did not reach its own end. What its chunks gave stays: it may be resumed. */
export async function endBatch(
  { tenant, batch, run }: BatchInput,
  { status, error, cause }: EndedExecution,
): Promise<void> {
  if (status === 'SUCCEEDED') return;
  const record = await getBatch(tenant, batch);
  if (!record || record.run !== run) return;
  const message = (cause ? causeMessage(cause) : `the run ended as ${status}`).slice(0, messageLength);
  const problem = { line: 0, id: null, code: error ?? 'BatchFailed', message, param: null };
  const failed = await moveBatch(tenant, batch, {
    ...{ from: ['validating', 'in_progress', 'finalizing', 'cancelling'], run },
    ...{ to: status === 'ABORTED' || record.cancelRequested ? 'cancelled' : 'failed', set: { errors: [problem] } },
  });
  if (!failed) return;
  // Its steps are counted when a run comes to its end, and its tokens are used by now.
  const { tokens } = await countsOf(tenant, batch);
  await giveBackToday(tenant, batch, { tokens: tokens - (madeBefore(failed)?.tokens ?? 0), steps: 0 });
}
