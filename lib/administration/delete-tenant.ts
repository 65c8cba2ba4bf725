import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteObjectsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import { type BatchRecord, batchKey, isEnded } from '../../functions/contracts/batch/record.ts';
import { generationKey } from '../../functions/contracts/generation-record.ts';
import { tenantsPartition } from '../../functions/contracts/tenant.ts';
import { admissionKey } from '../../functions/shared/admission.ts';
import { audit } from '../../functions/shared/audit.ts';
import { removeKey } from '../../functions/shared/keys/key-store.ts';
import { ownerPrefix } from '../../functions/shared/object-store.ts';
import { findTenant, partition } from '../../functions/shared/operating.ts';
import { type Administration, tenantPartition } from './administration.ts';
import { removeModel, servedModels } from './remove-model.ts';

/** What a deletion took away. */
export interface Deletion {
  readonly keys: number;
  readonly generationsStopped: number;
  /** Versions of its own model, with what served them. */
  readonly modelsRemoved: number;
  readonly items: number;
  readonly objects: number;
}

/** How often what is left is looked for, until nothing is: a step that was running may have written since. */
const sweeps = 20;
const pauseMilliseconds = 500;
/** How many in a row must find nothing where something was under way. */
const quietSweeps = 3;

/**
 * Deletes a tenant and all that is its own: keys, generations, batches, models, usage, contexts, objects. It may be run
 * again when it failed halfway. What stays is the audit record, which says that there was a tenant of this name.
 *
 * @throws Error when something still writes for the tenant after all sweeps, and before anything is done when it has
 *   models of its own and nothing runs that could remove them
 */
export async function deleteTenant(administration: Administration, name: string): Promise<Deletion> {
  const tenants = partition(administration, tenantsPartition);
  const { keys = new Set<string>() } = await findTenant(administration, name);
  const served = await servedModels(administration, name);
  await audit(administration, 'tenants delete', name);
  await tenants.update(name, 'SET #status = :deleting', {
    condition: 'attribute_exists(pk)',
    names: { '#status': 'status' },
    values: { ':deleting': 'deleting' },
  });
  // Without counters nothing more is admitted, though a key may be remembered for a while.
  await tenantPartition(administration, name).delete(admissionKey);
  for (const key of keys) await removeKey(administration, name, key);
  const generationsStopped = await stopGenerations(administration, name);
  for (const model of served) await removeModel(administration, name, model);
  // A step or a chunk of rows that is under way may write once more.
  const quiet = generationsStopped > 0 || (await runsBatches(administration, name)) ? quietSweeps : 1;
  let [items, objects, empty] = [0, 0, 0];
  for (let sweep = 0; ; sweep++) {
    const swept = {
      items: await deleteItems(administration, name),
      objects: await deleteObjects(administration, name),
    };
    items += swept.items;
    objects += swept.objects;
    empty = swept.items + swept.objects === 0 ? empty + 1 : 0;
    if (empty === quiet) break;
    if (sweep === sweeps) throw new Error(`tenant ${name}: something still writes for it; delete it again`);
    if (quiet > 1) await sleep(pauseMilliseconds);
  }
  await tenants.delete(name);
  return { keys: keys.size, generationsStopped, modelsRemoved: served.length, items, objects };
}

async function stopGenerations(administration: Administration, name: string): Promise<number> {
  const { generations } = administration;
  if (!generations) return 0;
  const items = await tenantPartition(administration, name).query<{ id?: string; status?: string }>({
    prefix: generationKey(''),
  });
  const running = items.filter(({ id, status }) => id !== undefined && (status === 'running' || status === 'queued'));
  for (const { id } of running) {
    const executionArn = `${generations.stateMachineArn.replace(':stateMachine:', ':execution:')}:${id}`;
    await generations.client.send(new StopExecutionCommand({ executionArn })).catch((error: Error) => {
      // It has ended meanwhile, or was of an earlier run.
      if (error.name !== 'ExecutionDoesNotExist') throw error;
    });
  }
  return running.length;
}

/** Whether there are batches that have not ended; they do once their records are gone. */
async function runsBatches(administration: Administration, name: string): Promise<boolean> {
  const own = tenantPartition(administration, name);
  const batches = await own.query<Pick<BatchRecord, 'status'>>({ prefix: batchKey('') });
  return batches.some(({ status }) => !isEnded(status));
}

async function deleteItems(administration: Administration, name: string): Promise<number> {
  const own = tenantPartition(administration, name);
  const items = await own.query({ prefix: '', expired: true });
  for (const { sk } of items) await own.delete(sk);
  return items.length;
}

async function deleteObjects({ bucket: { client, name: bucket } }: Administration, tenant: string): Promise<number> {
  let deleted = 0;
  for (;;) {
    const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${ownerPrefix(tenant)}/` }));
    const keys = (page.Contents ?? []).map(({ Key }) => ({ Key }));
    if (keys.length === 0) return deleted;
    const { Errors = [] } = await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: keys } }));
    if (Errors.length > 0) throw new Error(`tenant ${tenant}: ${Errors.length} objects: ${Errors[0].Message}`);
    deleted += keys.length;
  }
}
