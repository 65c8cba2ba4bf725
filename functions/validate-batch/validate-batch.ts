import { type BatchRecord, isEnded } from '../contracts/batch/record.ts';
import type { BatchInput, ValidatedBatch } from '../contracts/batch/states.ts';
import type { Tier } from '../contracts/tiers.ts';
import { tierOf } from '../shared/admission.ts';
import { costsPath, indexPath, mapPrefix } from '../shared/batches/batch-paths.ts';
import { countsOf, getBatch, moveBatch, whyOver } from '../shared/batches/batch-store.ts';
import { type ChunkCosts, chunksWithin, type Room } from '../shared/batches/costs.ts';
import { roomToday, takeOfDay } from '../shared/batches/quota.ts';
import { putDropped } from '../shared/batches/start-batch.ts';
import { setting } from '../shared/environment.ts';
import { InvalidRequest, StoreUnavailable } from '../shared/errors.ts';
import { getObject } from '../shared/object-store.ts';
import { observeRows } from '../shared/observe.ts';
import { BadFile } from './input-bytes.ts';
import { validateFile } from './validate-file.ts';

/** The share of a tier's generations at once that a batch's chunks may be: the others are for those who wait. */
const shareOfPlaces = 4;

/** The beginning of a run: what the batch's file has, and how many of its rows there is room for. */
export async function validateBatch({ tenant, batch: id, run, dropped }: BatchInput): Promise<ValidatedBatch> {
  const record = dropped ? await putDropped(tenant, id, dropped) : await getBatch(tenant, id);
  if (!record || record.run !== run) throw new InvalidRequest(`batch ${id}: there is none of run ${run}`);
  const nothing = validated(record, 0, { inFlight: 1 });
  if (isEnded(record.status) || whyOver(record)) return nothing;
  if (record.summary && record.status !== 'validating') {
    return validated(record, record.admitted ?? 0, tierOf(record));
  }
  const summarised = record.summary ? record : await summarise(tenant, record);
  if (!summarised?.summary) return nothing;
  if (record.dryRun) {
    await moveBatch(tenant, id, { from: ['validating'], to: 'completed', run });
    return nothing;
  }
  const admitted = await admitRows(tenant, summarised);
  const moved = await moveBatch(tenant, id, { from: ['validating'], to: 'in_progress', run, set: { admitted } });
  if (moved) observeRows('admitted', admitted - (await rowsDone(tenant, id)));
  return validated(summarised, admitted, tierOf(record));
}

/** @returns the record with its summary, or undefined for a batch that has failed because its file is none */
async function summarise(tenant: string, record: BatchRecord): Promise<BatchRecord | undefined> {
  const { id, run } = record;
  try {
    const { summary, problems } = await validateFile(tenant, record);
    const errors = summary.good === 0 ? problems : [];
    return await moveBatch(tenant, id, { from: ['validating'], to: 'validating', run, set: { summary, errors } });
  } catch (error) {
    if (!(error instanceof BadFile)) throw error;
    const errors = [{ line: 0, id: null, code: error.code, message: error.message, param: 'input_file_id' }];
    await moveBatch(tenant, id, { from: ['validating'], to: 'failed', run, set: { errors } });
    return undefined;
  }
}

/** Of the runs before this one. */
async function rowsDone(tenant: string, id: string): Promise<number> {
  const { completed, failed } = await countsOf(tenant, id);
  return completed + failed;
}

/** How many rows the batch's budget and its tenant's day have room for, which are taken out of the day. */
async function admitRows(tenant: string, record: BatchRecord): Promise<number> {
  const { id, run, lanes, summary, budgetTokens } = record;
  const place = { bucket: setting('SLINGSHOT_BUCKET'), key: costsPath(id) };
  const costs: ChunkCosts = JSON.parse(Buffer.from(await getObject(null, place)).toString());
  const { chunks: done, tokens: made } = await countsOf(tenant, id);
  const tier = tierOf(record);
  const today = await roomToday(tenant, tier);
  const budget = budgetTokens === undefined ? Number.POSITIVE_INFINITY : Math.max(0, budgetTokens - made);
  const room: Room = { ...today, tokens: Math.min(today.tokens, budget) };
  const { chunks, taken } = chunksWithin(costs, room, done);
  if (!(await takeOfDay(tenant, tier, { batch: id, run }, taken))) {
    throw new StoreUnavailable(`tenant ${tenant}: its day was used by others in between`);
  }
  return Math.min(chunks * lanes, summary?.good ?? 0);
}

function validated({ id, lanes }: BatchRecord, rows: number, { inFlight }: Pick<Tier, 'inFlight'>): ValidatedBatch {
  const maxConcurrency = Math.ceil(inFlight / shareOfPlaces);
  return { rows, lanes, maxConcurrency, index: indexPath(id), prefix: mapPrefix(id) };
}
