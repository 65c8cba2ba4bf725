import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  ListExecutionsCommand,
  type ListExecutionsCommandOutput,
  type SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { type ModelRecord, modelKey, type Serving } from '../../functions/contracts/registered-model.ts';
import { audit } from '../../functions/shared/audit.ts';
import { newModel } from '../../functions/shared/models/new-model.ts';
import { changeServing, getModel, getServing, listModelRecords } from '../../functions/shared/models/registered.ts';
import { promoted, rolledBack } from '../../functions/shared/models/shares.ts';
import { ownerPrefix } from '../../functions/shared/object-store.ts';
import { findTenant } from '../../functions/shared/operating.ts';
import { checkModel, packModel } from '../../models/checkpoint/model-archive.ts';
import { Resources } from '../local/resources.ts';
import { type Administration, tenantPartition } from './administration.ts';

/** A version as an operator sees it. */
export type ModelRow = Omit<ModelRecord, 'share'> & { readonly share: number };

const pollMilliseconds = 100;
/** A component takes minutes in the cloud. */
const longestMilliseconds = 30 * 60_000;

/**
 * Has a model of a tenant's own served: checks its folder here, before anything is sent, then sends it and waits until it
 * serves.
 *
 * @param share what of the tenant's generations it serves; a first one serves all
 * @throws Error saying what is wrong with it, or why it could not be served
 */
export async function addModel(
  administration: Administration,
  tenant: string,
  directory: string,
  share: number,
): Promise<ModelRow> {
  const { models, generations } = running(administration);
  await findTenant(administration, tenant);
  await checkModel({ name: tenant, directory }, { name: 'core', directory: models.core });
  await tryAnswer(directory);
  const table = tenantPartition(administration, tenant);
  const resources = new Resources();
  try {
    const path = join(resources.folder('slingshot-model-'), 'model.tar.gz');
    await packModel(directory, path);
    const upload = `${ownerPrefix(tenant)}/uploads/${Date.now()}.tar.gz`;
    const { record, input } = newModel(tenant, { upload, share }, models);
    await audit(administration, 'models add', tenant, { model: record.id, share });
    const { client, name } = administration.bucket;
    await client.send(new PutObjectCommand({ Bucket: name, Key: upload, Body: await readFile(path) }));
    await table.put(modelKey(record.id), record);
    const { executionArn = '' } = await generations.client.send(
      new StartExecutionCommand({
        stateMachineArn: models.deployModelArn,
        ...{ name: record.id, input: JSON.stringify(input) },
      }),
    );
    await awaitExecution(generations.client, executionArn);
    const made = (await getModel(tenant, record.id, table)) ?? record;
    if (made.status !== 'ready') {
      throw new Error(`model ${record.id}: ${made.error?.message ?? `it is still ${made.status}`}`);
    }
    return rowOf(made, await getServing(tenant, table));
  } finally {
    await resources.stop();
  }
}

/** A tenant's versions, the oldest first, with what each serves. */
export async function listModels(administration: Administration, tenant: string): Promise<ModelRow[]> {
  await findTenant(administration, tenant);
  const table = tenantPartition(administration, tenant);
  const serving = await getServing(tenant, table);
  return (await listModelRecords(table)).map((record) => rowOf(record, serving));
}

/** Gives a version a share of what is asked of its tenant's model. @throws Error */
export async function promoteModel(
  administration: Administration,
  tenant: string,
  id: string,
  share: number,
): Promise<Serving> {
  const table = tenantPartition(administration, tenant);
  const { endpoint, status } = await findModel(administration, tenant, id);
  if (status !== 'ready' || !endpoint) throw new Error(`model ${id}: is ${status}; one that is ready can be promoted`);
  await audit(administration, 'models promote', tenant, { model: id, share });
  return changeServing(tenant, (before) => promoted(before, { id, endpoint }, share, new Date()), table);
}

/** Serves again what was served before the last change. @throws Error */
export async function rollBackModel(administration: Administration, tenant: string): Promise<Serving> {
  await audit(administration, 'models rollback', tenant);
  return changeServing(tenant, (before) => rolledBack(before, new Date()), tenantPartition(administration, tenant));
}

/**
 * Removes a version that serves nothing, once no generation is in flight that may use it.
 *
 * @throws Error
 */
export async function retireModel(administration: Administration, tenant: string, id: string): Promise<ModelRow> {
  const { models, generations } = running(administration);
  const table = tenantPartition(administration, tenant);
  const record = await findModel(administration, tenant, id);
  const serving = await getServing(tenant, table);
  if (record.status !== 'ready' || !record.endpoint?.component) throw new Error(`model ${id}: is ${record.status}`);
  const share = serving.shares.find((one) => one.id === id)?.share;
  if (share !== undefined) {
    throw new Error(`model ${id}: serves ${share} of what is asked; promote another first, then retire it`);
  }
  const begun = await oldestRunning(administration);
  if (begun !== undefined && begun < serving.changedAt) {
    throw new Error(`model ${id}: a generation is in flight that began ${begun} and may use it; retire it later`);
  }
  await audit(administration, 'models retire', tenant, { model: id });
  const { endpoint, component } = record.endpoint;
  const input = { tenant, id, act: 'retire', component, endpoint, error: null };
  const { executionArn = '' } = await generations.client.send(
    new StartExecutionCommand({
      stateMachineArn: models.deployModelArn,
      ...{ name: `${id}-retire`, input: JSON.stringify(input) },
    }),
  );
  await awaitExecution(generations.client, executionArn);
  // It is no version to go back to.
  await changeServing(tenant, (before) => ({ ...before, before: before.before.filter((one) => one.id !== id) }), table);
  return rowOf((await getModel(tenant, id, table)) ?? record, serving);
}

/** A step of the model, here, on this machine: it must load, and answer what is asked. */
async function tryAnswer(directory: string): Promise<void> {
  const { loadStepModel } = await import('../../models/inference/step-model.ts');
  const { checkEnvelope } = await import('../../models/ssd2/envelope-check.ts');
  const { testLane } = await import('../../models/inference/test-lane.ts');
  const model = await loadStepModel(directory);
  try {
    const { block, vocabulary } = model.config;
    const { envelopes } = await model.denoise([await testLane(directory)], 1, 'a test');
    checkEnvelope(envelopes[0], { positions: block, vocabulary, kept: 1 });
  } catch (cause) {
    throw new Error(`${directory}: its answer: ${(cause as Error).message}`, { cause });
  } finally {
    await model.release();
  }
}

async function findModel(administration: Administration, tenant: string, id: string): Promise<ModelRecord> {
  await findTenant(administration, tenant);
  const found = await getModel(tenant, id, tenantPartition(administration, tenant));
  if (!found) throw new Error(`model ${id}: there is none; slingshot models list ${tenant} shows those that there are`);
  return found;
}

function rowOf(record: ModelRecord, { shares }: Serving): ModelRow {
  return { ...record, share: shares.find(({ id }) => id === record.id)?.share ?? 0 };
}

function running(administration: Administration) {
  const { models, generations } = administration;
  if (!models || !generations) throw new Error('models: the service does not run; slingshot up starts it');
  return { models, generations };
}

/** @throws Error when it did not succeed */
export async function awaitExecution(client: SFNClient, executionArn: string): Promise<void> {
  const started = Date.now();
  while (Date.now() - started < longestMilliseconds) {
    const { status, error, cause } = await client.send(new DescribeExecutionCommand({ executionArn }));
    if (status === 'SUCCEEDED') return;
    if (status !== 'RUNNING') throw new Error(`${executionArn}: ${status}: ${error ?? ''} ${cause ?? ''}`.trim());
    await sleep(pollMilliseconds);
  }
}

/** When the oldest generation in flight began, ISO 8601. */
async function oldestRunning(administration: Administration): Promise<string | undefined> {
  const { generations } = running(administration);
  let [oldest, nextToken]: (string | undefined)[] = [undefined, undefined];
  do {
    const page: ListExecutionsCommandOutput = await generations.client.send(
      new ListExecutionsCommand({
        stateMachineArn: generations.stateMachineArn,
        statusFilter: 'RUNNING',
        ...(nextToken === undefined ? {} : { nextToken }),
      }),
    );
    for (const { startDate } of page.executions ?? []) {
      const at = startDate?.toISOString();
      if (at !== undefined && (oldest === undefined || at < oldest)) oldest = at;
    }
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return oldest;
}
