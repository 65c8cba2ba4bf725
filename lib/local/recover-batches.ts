import { type BatchRecord, batchKey, isEnded } from '../../functions/contracts/batch/record.ts';
import { startRun } from '../../functions/shared/batches/start-batch.ts';
import { withEnvironment } from '../../functions/shared/environment.ts';
import { type Administration, tenantPartition } from '../administration/administration.ts';
import { listTenants } from '../administration/tenants.ts';

/**
 * Starts the batches again that were running when the process before ended: executions are in memory here, where Step
 * Functions would have gone on. What is done of them stays done.
 *
 * @param environment the settings of functions that act for tenants
 * @returns their ids
 */
export async function recoverBatches(
  administration: Administration,
  environment: Readonly<Record<string, string>>,
): Promise<string[]> {
  const again: string[] = [];
  for (const { name } of await listTenants(administration)) {
    const batches = await tenantPartition(administration, name).query<BatchRecord>({ prefix: batchKey('') });
    for (const batch of batches.filter(({ status }) => !isEnded(status))) {
      await withEnvironment(environment, () => startRun(name, batch));
      again.push(batch.id);
    }
  }
  return again;
}
