import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { BatchRecord } from '../../contracts/batch/record.ts';
import type { BatchInput } from '../../contracts/batch/states.ts';
import { connections } from '../connections.ts';
import { setting } from '../environment.ts';
import { createBatchRecord, getBatch, moveBatch } from './batch-store.ts';

const day = 86_400;
/** A batch is readable for a month; the bucket forgets its files before that. */
const recordSeconds = 30 * day;

/** What a batch is made of, whichever way it came. */
export type NewBatch = Pick<
  BatchRecord,
  'id' | 'keyId' | 'tier' | 'endpoint' | 'fileId' | 'inputKey' | 'defaults' | 'seed' | 'dryRun' | 'metadata' | 'window'
> & {
  readonly degradation?: BatchRecord['degradation'] | undefined;
  readonly budgetTokens?: number | undefined;
  /** From now to when no row begins any more. */
  readonly windowSeconds: number;
};

/** Starts a batch; one of the same id that was started before goes on. @throws StoreUnavailable, StoreRejected */
export async function startBatch(tenant: string, batch: NewBatch): Promise<BatchRecord> {
  const made = await putBatch(tenant, batch);
  await startRun(tenant, made);
  return made;
}

/** A file that was dropped is a batch with the usual settings. */
export function putDropped(
  tenant: string,
  id: string,
  { key, tier, degradation }: NonNullable<BatchInput['dropped']>,
): Promise<BatchRecord> {
  return putBatch(tenant, {
    ...{ id, keyId: 'drop', tier, endpoint: null, fileId: null, inputKey: key, defaults: { model: 'core' }, seed: 0 },
    ...{ dryRun: false, metadata: {}, window: '24h', windowSeconds: day, degradation },
  });
}

async function putBatch(tenant: string, batch: NewBatch): Promise<BatchRecord> {
  const { budgetTokens, windowSeconds, degradation, ...rest } = batch;
  const now = Math.floor(Date.now() / 1000);
  const record: BatchRecord = {
    ...rest,
    ...{ status: 'validating', createdAt: new Date().toISOString(), times: { validating: now } },
    ...{ expiresAt: now + windowSeconds, lanes: setting('SLINGSHOT_BATCH_LANES'), run: 0 },
    ...(budgetTokens === undefined ? {} : { budgetTokens }),
    ...(degradation === undefined ? {} : { degradation }),
    expires: now + recordSeconds,
  };
  return (await createBatchRecord(tenant, record)) ? record : ((await getBatch(tenant, batch.id)) ?? record);
}

/**
 * Lets a batch that ended do what it has left undone: what is done stays as it is.
 *
 * @param budgetTokens a new one, of all runs together
 * @returns undefined for one that runs
 */
export async function resumeBatch(
  tenant: string,
  { id, run, summary }: BatchRecord,
  { windowSeconds, budgetTokens }: { readonly windowSeconds: number; readonly budgetTokens?: number | undefined },
): Promise<BatchRecord | undefined> {
  const now = Math.floor(Date.now() / 1000);
  const moved = await moveBatch(tenant, id, {
    ...{ from: ['failed', 'completed', 'expired', 'cancelled'], to: 'validating', run },
    set: {
      ...{ run: run + 1, expiresAt: now + windowSeconds, dryRun: false, errors: [], expires: now + recordSeconds },
      ...(budgetTokens === undefined ? {} : { budgetTokens }),
      ...(summary ? { summary } : {}),
    },
    remove: ['cancelRequested', 'admitted'],
  });
  if (moved) await startRun(tenant, moved);
  return moved;
}

export function startRun(tenant: string, { id, run }: Pick<BatchRecord, 'id' | 'run'>): Promise<void> {
  return startExecution({ tenant, batch: id, run });
}

let client: SFNClient | undefined;

/** A run's execution has its name, so that starting it twice starts one. */
export async function startExecution(input: BatchInput): Promise<void> {
  client ??= new SFNClient({ requestHandler: connections });
  try {
    await client.send(
      new StartExecutionCommand({
        stateMachineArn: setting('SLINGSHOT_BATCH_ARN'),
        name: `${input.batch}-${input.run}`,
        input: JSON.stringify(input),
      }),
    );
  } catch (error) {
    if ((error as Error).name !== 'ExecutionAlreadyExists') throw error;
  }
}
