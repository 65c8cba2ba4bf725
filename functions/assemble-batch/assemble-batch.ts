import type { BatchRecord, BatchStatus, BatchSummary, BatchTotals, FileRecord } from '../contracts/batch/record.ts';
import { isEnded } from '../contracts/batch/record.ts';
import type { BatchInput } from '../contracts/batch/states.ts';
import { manifestPath } from '../shared/batches/batch-paths.ts';
import { getBatch, madeBefore, moveBatch, noteBatch, whyOver } from '../shared/batches/batch-store.ts';
import { putFileRecord } from '../shared/batches/file-store.ts';
import { giveBackToday } from '../shared/batches/quota.ts';
import { InvalidRequest } from '../shared/errors.ts';
import { meter } from '../shared/metering.ts';
import { putObject } from '../shared/object-store.ts';
import { observeRows } from '../shared/observe.ts';
import { type Assembled, assembleFiles } from './assemble-files.ts';

/** The end of a run: the files in the order of the input, what was used, and how the batch stands. */
export async function assembleBatch({ tenant, batch: id, run }: BatchInput): Promise<{ status: BatchStatus }> {
  const record = await getBatch(tenant, id);
  if (!record || record.run !== run) throw new InvalidRequest(`batch ${id}: there is none of run ${run}`);
  if (isEnded(record.status)) return { status: record.status };
  if (!record.summary) {
    // It was over before its file was read.
    const to = whyOver(record) === 'expired' ? 'expired' : 'cancelled';
    await moveBatch(tenant, id, { from: ['validating', 'cancelling'], to, run });
    return { status: to };
  }
  const over = whyOver(record);
  const from: BatchStatus[] = ['validating', 'in_progress', 'finalizing'];
  const finalizing = over ? undefined : await moveBatch(tenant, id, { from, to: 'finalizing', run });
  const assembled = await assembleFiles(tenant, record, { admitted: record.admitted ?? 0, over });
  const { totals, output, errors } = assembled;
  const outputFileId = await leave(tenant, record, { ...output, name: 'output' });
  const errorFileId = await leave(tenant, record, { ...errors, name: 'errors' });
  await settle(tenant, record, totals);
  const to = endOf(record.summary, totals, over);
  const times = { ...(finalizing ?? record).times, [to]: Math.floor(Date.now() / 1000) };
  const manifest = manifestOf({ ...record, status: to, times }, assembled);
  // Before anybody is told that it is there.
  await putObject(tenant, manifestPath(tenant, id), `${JSON.stringify(manifest, null, 2)}\n`);
  const ended = await moveBatch(tenant, id, {
    ...{ from: [...from, 'cancelling'], to, run },
    set: { totals, outputFileId, errorFileId },
  });
  if (ended) observeRows('dropped', (record.admitted ?? 0) - totals.completed - totals.failed);
  return { status: to };
}

function endOf({ good }: BatchSummary, { completed }: BatchTotals, over: ReturnType<typeof whyOver>): BatchStatus {
  if (good === 0) return 'failed';
  // What was done by the time that it expired is done.
  return over === 'expired' && completed === good ? 'completed' : (over ?? 'completed');
}

/** Makes one of the results a file of the tenant's, where there is anything in it. */
async function leave(
  tenant: string,
  { id, expires }: BatchRecord,
  { key, bytes, lines, name }: Assembled['output'] & { readonly name: string },
): Promise<string | null> {
  if (lines === 0) return null;
  const file: FileRecord = {
    ...{ id: `file-${id.slice('batch_'.length)}-${name}`, filename: `${id}_${name}.jsonl`, purpose: 'batch_output' },
    ...{ bytes, key, createdAt: new Date().toISOString(), expires },
  };
  await putFileRecord(tenant, file);
  return file.id;
}

/** Counts what the run made as its tenant's usage, and gives back what it took of the day beyond that. Once. */
async function settle(tenant: string, record: BatchRecord, totals: BatchTotals): Promise<void> {
  const { id, run, keyId, createdAt, made = {} } = record;
  // By what was made up to each run's end, the first time that it was put down.
  const now = made[run] ?? totals;
  if (!made[run]) await noteBatch(tenant, id, { made: { ...made, [run]: now } });
  const before = madeBefore(record);
  const tokens = now.tokens - (before?.tokens ?? 0);
  const steps = now.steps - (before?.steps ?? 0);
  const degradedTokens = (now.degradedTokens ?? 0) - (before?.degradedTokens ?? 0);
  const models = Object.entries(now.models).map(([name, of]) => {
    const was = before?.models[name] ?? { steps: 0, milliseconds: 0 };
    return [name, { steps: of.steps - was.steps, milliseconds: of.milliseconds - was.milliseconds }] as const;
  });
  await meter(tenant, {
    ...{ generation: `${id}-${run}`, keyId, model: 'batch', createdAt, status: 'succeeded', tokens, steps },
    ...(degradedTokens > 0 ? { degradedTokens } : {}),
    models: Object.fromEntries(models),
  });
  await giveBackToday(tenant, id, { tokens, steps });
}

function manifestOf(record: BatchRecord, { totals, versions, output, errors }: Assembled): object {
  const { id, status, createdAt, times, summary, seed, lanes, run, inputKey } = record;
  const seconds = Math.floor(Date.now() / 1000) - Math.floor(Date.parse(createdAt) / 1000);
  return {
    ...{ batch: id, status, created_at: createdAt, times, runs: run + 1, seconds, seed, lanes },
    input: { key: inputKey, bytes: summary?.bytes, sha256: summary?.sha256 },
    rows: {
      total: (summary?.good ?? 0) + (summary?.bad ?? 0),
      ...{ completed: totals.completed, failed: totals.failed, refused: summary?.bad ?? 0 },
    },
    usage: {
      ...{ prompt_tokens: totals.promptTokens, completion_tokens: totals.tokens, steps: totals.steps },
      ...(totals.degradedTokens ? { degraded_tokens: totals.degradedTokens } : {}),
    },
    models: Object.fromEntries(
      Object.entries(totals.models).map(([name, of]) => [name, { ...of, versions: versions[name] ?? [] }]),
    ),
    ...{ output, errors },
  };
}
