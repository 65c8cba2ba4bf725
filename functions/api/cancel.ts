import { SFNClient, StopExecutionCommand } from '@aws-sdk/client-sfn';
import type { GenerationRecord } from '../contracts/generation-record.ts';
import { connections } from '../shared/connections.ts';
import { setting } from '../shared/environment.ts';
import { endGeneration } from '../shared/generations/end-generation.ts';
import { getRecord, requestCancel } from '../shared/generations/record-store.ts';
import { logger } from '../shared/lambda.ts';

let client: SFNClient | undefined;

/**
 * Cancels a generation. Its execution is stopped; the steps of a block, which are another execution that cannot be
 * stopped, end when they see the mark in its record.
 *
 * @returns the record as it ended, now or before; undefined when there is none
 */
export async function cancelGeneration(tenant: string, id: string): Promise<GenerationRecord | undefined> {
  const marked = await requestCancel(tenant, id);
  if (!marked) return getRecord(tenant, id);
  const ended = await endGeneration(tenant, id, { status: 'cancelled' });
  client ??= new SFNClient({ requestHandler: connections });
  const machine = setting('SLINGSHOT_GENERATE_ARN');
  const executionArn = `${machine.replace(':stateMachine:', ':execution:')}:${id}`;
  try {
    await client.send(new StopExecutionCommand({ executionArn, cause: 'cancelled' }));
  } catch (error) {
    // Without it the generation goes on until its next step sees the mark.
    logger.warn('a cancelled execution was not stopped', { error: (error as Error).name });
  }
  return ended;
}
