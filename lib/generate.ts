import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeExecutionCommand,
  type SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { FinishedGeneration } from '../functions/contracts/generation.ts';
import type { ExecutionInput } from '../functions/contracts/request.ts';

/** An execution that did not succeed; the name is Step Functions' error name. */
export class ExecutionFailed extends Error {
  constructor(name: string, cause: string) {
    super(cause);
    this.name = name;
  }
}

/** Runs the Generate state machine, in the cloud or on this machine, and waits for its result. */
export async function runGeneration(
  client: SFNClient,
  stateMachineArn: string,
  input: ExecutionInput,
  signal?: AbortSignal,
): Promise<FinishedGeneration> {
  const { executionArn } = await client.send(
    new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) }),
  );
  for (let wait = 10; ; wait = Math.min(500, wait * 1.5)) {
    if (signal?.aborted) {
      await client.send(new StopExecutionCommand({ executionArn }));
      signal.throwIfAborted();
    }
    const { status, output, error, cause } = await client.send(new DescribeExecutionCommand({ executionArn }));
    if (status === 'SUCCEEDED') return JSON.parse(output as string);
    if (status !== 'RUNNING')
      throw new ExecutionFailed(error ?? status ?? 'Failed', explain(cause ?? `execution ${status}`));
    await sleep(wait);
  }
}

/** A Lambda's failure arrives as JSON with the message inside. */
function explain(cause: string): string {
  try {
    return JSON.parse(cause).errorMessage ?? cause;
  } catch {
    return cause;
  }
}
