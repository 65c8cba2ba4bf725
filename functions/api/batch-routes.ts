import { randomBytes } from 'node:crypto';
import { type ApiBatch, windowSeconds } from '../contracts/api/batches.ts';
import { type BatchRecord, type BatchStatus, isEnded } from '../contracts/batch/record.ts';
import { ApiError } from '../contracts/problem.ts';
import { countsOf, getBatch, listBatches, moveBatch } from '../shared/batches/batch-store.ts';
import { getFile } from '../shared/batches/file-store.ts';
import { resumeBatch, startBatch } from '../shared/batches/start-batch.ts';
import { pageOf } from './file-routes.ts';
import type { HandlerOf } from './http.ts';
import { secondsOf } from './openai-form.ts';

const usualModel = 'core';

export const createdBatch: HandlerOf<'createBatch'> = async ({ caller, body }) => {
  const { tenant, keyId, tier, degradation } = caller;
  const { input_file_id: fileId, endpoint, completion_window: window, metadata, slingshot = {} } = body;
  const file = await getFile(tenant, fileId);
  if (!file) {
    throw new ApiError('invalid_request', `input_file_id: there is no file ${JSON.stringify(fileId)}`, {
      param: 'input_file_id',
    });
  }
  const record = await startBatch(tenant, {
    ...{ id: newId(), keyId, tier, degradation, endpoint, fileId, inputKey: file.key, metadata, window },
    defaults: { model: usualModel, ...defined(slingshot.defaults ?? {}) },
    seed: slingshot.seed ?? 0,
    dryRun: slingshot.dryRun ?? false,
    budgetTokens: slingshot.budgetTokens,
    windowSeconds: windowSeconds(window) ?? 0,
  });
  return { status: 200, headers: { location: `/v1/batches/${record.id}` }, body: await resourceOf(tenant, record) };
};

export const listedBatches: HandlerOf<'listBatches'> = async ({ caller: { tenant }, query: { limit, after } }) => {
  const records = await listBatches(tenant, { after, limit: limit + 1 });
  const data = await Promise.all(records.map((record) => resourceOf(tenant, record)));
  return { status: 200, body: pageOf(data, limit) };
};

export const gotBatch: HandlerOf<'getBatch'> = async ({ caller: { tenant }, params: { id } }) => ({
  status: 200,
  body: await resourceOf(tenant, found(await getBatch(tenant, id), id)),
});

export const cancelledBatch: HandlerOf<'cancelBatch'> = async ({ caller: { tenant }, params: { id } }) => {
  const record = found(await getBatch(tenant, id), id);
  const from: BatchStatus[] = ['validating', 'in_progress', 'finalizing'];
  const moved = await moveBatch(tenant, id, { from, to: 'cancelling', set: { cancelRequested: true } });
  return { status: 200, body: await resourceOf(tenant, moved ?? found(await getBatch(tenant, record.id), id)) };
};

export const resumedBatch: HandlerOf<'resumeBatch'> = async ({ caller: { tenant }, params: { id }, body }) => {
  const record = found(await getBatch(tenant, id), id);
  const { completion_window: window = record.window, budgetTokens } = body;
  // One that runs is what was asked for.
  const resumed = isEnded(record.status)
    ? await resumeBatch(tenant, record, { windowSeconds: windowSeconds(window) ?? 0, budgetTokens })
    : record;
  return { status: 200, body: await resourceOf(tenant, resumed ?? found(await getBatch(tenant, id), id)) };
};

/** Ids in the order of their times, so that listing them is. */
function newId(): string {
  return `batch_${Date.now().toString(16).padStart(12, '0')}${randomBytes(10).toString('hex')}`;
}

function defined<T extends object>(value: T) {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
}

function found(record: BatchRecord | undefined, id: string): BatchRecord {
  if (record) return record;
  throw new ApiError('not_found', `there is no batch ${JSON.stringify(id)}`, { param: 'id' });
}

async function resourceOf(tenant: string, record: BatchRecord): Promise<ApiBatch> {
  const { id, status, times, summary, totals, errors = [], fileId, inputKey, lanes, seed, run } = record;
  const running = totals === undefined || !isEnded(status);
  const counts = running ? await countsOf(tenant, id) : totals;
  const at = (name: BatchStatus) => times[name] ?? null;
  return {
    ...{ id, object: 'batch', endpoint: record.endpoint ?? '', status },
    errors:
      errors.length === 0
        ? null
        : {
            object: 'list',
            data: errors.map(({ code, message, param, line }) => ({ code, message, param, line: line || null })),
          },
    input_file_id: fileId ?? '',
    completion_window: record.window,
    output_file_id: record.outputFileId ?? null,
    error_file_id: record.errorFileId ?? null,
    ...{ created_at: secondsOf(record.createdAt), expires_at: record.expiresAt },
    ...{ in_progress_at: at('in_progress'), finalizing_at: at('finalizing'), completed_at: at('completed') },
    ...{ failed_at: at('failed'), expired_at: at('expired') },
    ...{ cancelling_at: at('cancelling'), cancelled_at: at('cancelled') },
    request_counts: {
      total: (summary?.good ?? 0) + (summary?.bad ?? 0),
      completed: counts.completed,
      failed: counts.failed + (summary?.bad ?? 0),
    },
    metadata: { ...record.metadata },
    slingshot: {
      ...{ input: inputKey, lanes, seed, run, tokens: counts.tokens, admitted: record.admitted ?? null },
      estimate: summary ? { rows: summary.good, tokens: summary.tokens, steps: summary.steps } : null,
    },
  };
}
