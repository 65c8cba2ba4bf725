import { StartExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import type { ModelRecord } from '../../functions/contracts/registered-model.ts';
import { listModelRecords } from '../../functions/shared/models/registered.ts';
import { type Administration, tenantPartition } from './administration.ts';
import { awaitExecution } from './models.ts';

/**
 * A tenant's versions that something serves, or is about to.
 *
 * @throws Error when there are some, and nothing that runs could remove them
 */
export async function servedModels(administration: Administration, tenant: string): Promise<ModelRecord[]> {
  const records = await listModelRecords(tenantPartition(administration, tenant));
  const served = records.filter(({ status }) => status !== 'retired' && status !== 'failed');
  if (served.length > 0 && !(deployingArn(administration) && administration.generations)) {
    const ids = served.map(({ id }) => id).join(', ');
    throw new Error(
      `tenant ${tenant}: has models of its own (${ids}), which only a service that runs removes; slingshot up starts ` +
        'it here, --deploy-model names what does it in the cloud',
    );
  }
  return served;
}

/** Removes a version with what serves it, whether or not it came so far, and its archive. */
export async function removeModel(
  administration: Administration,
  tenant: string,
  { id, endpoint: placed }: ModelRecord,
): Promise<void> {
  const { generations } = administration;
  const stateMachineArn = deployingArn(administration);
  if (!generations || stateMachineArn === undefined) return;
  const { client } = generations;
  const deploying = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${id}`;
  await client.send(new StopExecutionCommand({ executionArn: deploying })).catch((error: Error) => {
    // It has ended long ago, or was of an earlier run.
    if (error.name !== 'ExecutionDoesNotExist') throw error;
  });
  // Before it was validated nothing was placed.
  const { component = id, endpoint } = placed ?? { endpoint: 'none' };
  const { executionArn = '' } = await client.send(
    new StartExecutionCommand({
      stateMachineArn,
      // A deletion that failed halfway may be run again.
      name: `${id}-delete-${Date.now()}`,
      input: JSON.stringify({ tenant, id, act: 'retire', component, endpoint, error: null }),
    }),
  );
  await awaitExecution(client, executionArn);
}

function deployingArn({ models, deployModelArn }: Administration): string | undefined {
  return models?.deployModelArn ?? deployModelArn;
}
