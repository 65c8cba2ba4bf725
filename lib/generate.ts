import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeExecutionCommand,
  type SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { FinishedGeneration } from '../functions/contracts/generation.ts';
import type { ExecutionInput } from '../functions/contracts/request.ts';
import { causeMessage } from '../functions/shared/cause-message.ts';

/** An execution that did not succeed; the name is Step Functions' error name. */
export class ExecutionFailed extends Error {
  constructor(name: string, cause: string) {
    super(cause);
    this.name = name;
  }
}

export interface RunOptions {
  /** Stops the execution. */
  readonly signal?: AbortSignal;
  /** Settles when the execution may have ended; by default after a while, a longer one each time. */
  readonly wait?: (executionArn: string, attempt: number) => Promise<unknown>;
}

const backOff = (_: string, attempt: number) => sleep(Math.min(500, 10 * 1.5 ** attempt));

/**
 * Runs the Generate state machine, in the cloud or on this machine, and waits for its result.
 *
 * @throws ExecutionFailed
 */
export async function runGeneration(
  client: SFNClient,
  stateMachineArn: string,
  input: ExecutionInput,
  { signal, wait = backOff }: RunOptions = {},
): Promise<FinishedGeneration> {
  signal?.throwIfAborted();
  const { executionArn = '' } = await client.send(
    new StartExecutionCommand({ stateMachineArn, input: JSON.stringify({ tenant: null, ...input }) }),
  );
  const aborted = Promise.withResolvers<void>();
  signal?.addEventListener('abort', () => aborted.resolve(), { once: true });
  for (let attempt = 0; ; attempt++) {
    await Promise.race([wait(executionArn, attempt), aborted.promise]);
    if (signal?.aborted) {
      await client.send(new StopExecutionCommand({ executionArn }));
      signal.throwIfAborted();
    }
    const { status, output, error, cause } = await client.send(new DescribeExecutionCommand({ executionArn }));
    if (status === 'SUCCEEDED') return JSON.parse(output as string);
    if (status !== 'RUNNING') {
      throw new ExecutionFailed(error ?? status ?? 'Failed', causeMessage(cause ?? `execution ${status}`));
    }
  }
}
