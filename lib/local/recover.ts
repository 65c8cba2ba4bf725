import { StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { ServiceInput } from '../../functions/contracts/request.ts';
import { type AdmissionItem, admissionKey, release } from '../../functions/shared/admission.ts';
import { withEnvironment } from '../../functions/shared/environment.ts';
import { endGeneration } from '../../functions/shared/generations/end-generation.ts';
import { getRecord } from '../../functions/shared/generations/record-store.ts';
import { type Administration, tenantPartition } from '../administration/administration.ts';
import { listTenants } from '../administration/tenants.ts';

/**
 * Brings generations to their end that were in flight when the process before was killed: executions are in memory here,
 * where Step Functions would have gone on. One that nobody is waiting for on a connection starts again, which gives the
 * same text; one that belonged to a connection is cancelled; one that had ended is ended once more, for what was left of that.
 *
 * @param environment the settings of functions that act for tenants
 * @returns the ids of those that started again
 */
export async function recoverGenerations(
  administration: Administration & Required<Pick<Administration, 'generations'>>,
  environment: Readonly<Record<string, string>>,
): Promise<string[]> {
  const again: string[] = [];
  for (const { name } of await listTenants(administration)) {
    const admission = await tenantPartition(administration, name).get<AdmissionItem>(admissionKey);
    for (const id of Object.keys(admission?.leases ?? {})) {
      const restarted = await withEnvironment(environment, () => recover(administration, name, id));
      if (restarted) again.push(id);
    }
  }
  return again;
}

async function recover(
  { generations }: Required<Pick<Administration, 'generations'>>,
  tenant: string,
  id: string,
): Promise<boolean> {
  const record = await getRecord(tenant, id);
  if (!record) {
    // It came no further than its place.
    await release(tenant, id, { tokens: 0, steps: 0 });
    return false;
  }
  if (record.status !== 'running' || record.cancelRequested || record.readerUntil !== undefined) {
    await endGeneration(tenant, id, { status: 'cancelled' });
    return false;
  }
  const input: ServiceInput = { tenant, generation: id, request: record.request };
  await generations.client.send(
    new StartExecutionCommand({
      ...{ stateMachineArn: generations.stateMachineArn, name: id },
      input: JSON.stringify(input),
    }),
  );
  return true;
}
