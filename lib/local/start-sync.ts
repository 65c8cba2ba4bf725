import { type SFNClient, SFNServiceException, StartSyncExecutionCommand } from '@aws-sdk/client-sfn';

/** The integration's resource in the definitions. */
export const startSyncExecution = 'arn:aws:states:::aws-sdk:sfn:startSyncExecution';

export interface SyncInput {
  readonly StateMachineArn: string;
  readonly Input: string;
}

/** The SDK integration: the service's answer with its keys capitalised. */
export async function startSync(client: SFNClient, { StateMachineArn, Input }: SyncInput): Promise<unknown> {
  const command = new StartSyncExecutionCommand({ stateMachineArn: StateMachineArn, input: Input });
  const { $metadata, ...answer } = await client.send(command).catch(fail);
  return Object.fromEntries(Object.entries(answer).map(([key, value]) => [key[0].toUpperCase() + key.slice(1), value]));
}

/** As the service names it; what is no answer of the called service is the SDK's. */
function fail(cause: Error): never {
  const name = cause instanceof SFNServiceException ? `Sfn.${cause.name}` : 'Sfn.SdkClientException';
  throw Object.assign(new Error(cause.message, { cause }), { name });
}
