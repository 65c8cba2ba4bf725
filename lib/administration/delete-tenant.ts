import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteObjectsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import { generationKey } from '../../functions/contracts/generation-record.ts';
import { tenantsPartition } from '../../functions/contracts/tenant.ts';
import { admissionKey } from '../../functions/shared/admission.ts';
import { audit } from '../../functions/shared/audit.ts';
import { removeKey } from '../../functions/shared/keys/key-store.ts';
import { ownerPrefix } from '../../functions/shared/object-store.ts';
import { findTenant, partition } from '../../functions/shared/operating.ts';
import { type Administration, tenantPartition } from './administration.ts';

/** What a deletion took away. */
export interface Deletion {
  readonly keys: number;
  readonly generationsStopped: number;
  readonly items: number;
  readonly objects: number;
}

/** How often what is left is looked for, until nothing is: a step that was running may have written since. */
const sweeps = 20;
const pauseMilliseconds = 500;

/**
 * Deletes a tenant and all that is its own: keys, generations, usage, contexts, objects. It may be run again when it
 * failed halfway. What stays is the audit record, which says that there was a tenant of this name.
 *
 * @throws Error when something still writes for the tenant after all sweeps
 */
export async function deleteTenant(administration: Administration, name: string): Promise<Deletion> {
  const tenants = partition(administration, tenantsPartition);
  const { keys = new Set<string>() } = await findTenant(administration, name);
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
  let [items, objects] = [0, 0];
  for (let sweep = 0; ; sweep++) {
    const swept = {
      items: await deleteItems(administration, name),
      objects: await deleteObjects(administration, name),
    };
    items += swept.items;
    objects += swept.objects;
    if (swept.items + swept.objects === 0) break;
    if (sweep === sweeps) throw new Error(`tenant ${name}: something still writes for it; delete it again`);
    if (generationsStopped > 0) await sleep(pauseMilliseconds);
  }
  await tenants.delete(name);
  return { keys: keys.size, generationsStopped, items, objects };
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
