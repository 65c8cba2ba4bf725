import type { Server } from 'node:http';
import { SFNClient, StartSyncExecutionCommand } from '@aws-sdk/client-sfn';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runGeneration } from '../../../lib/generate.ts';
import { Execution } from '../../../lib/local/execution.ts';
import { close, listen } from '../../../lib/local/listen.ts';
import type { Definition } from '../../../lib/local/states-language.ts';
import { LocalStepFunctions, type TaskHandlers } from '../../../lib/local/step-functions.ts';

const arn = 'arn:aws:states:local:000000000000:stateMachine:Test';

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** A client of a state machine that runs Tasks one after another; each is a function of the input. */
async function chain(
  type: 'EXPRESS' | 'STANDARD',
  ...tasks: ((input: unknown) => Promise<unknown>)[]
): Promise<SFNClient> {
  const handlers: TaskHandlers = new Map(
    tasks.map((task, i) => [`arn:aws:lambda:local:000000000000:function:${i}`, task]),
  );
  const states = [...handlers.keys()].map((Resource, i) => {
    const next = i + 1 < tasks.length ? { Next: `Task ${i + 1}` } : { End: true };
    return [`Task ${i}`, { Type: 'Task', Resource, ...next }];
  });
  const definition = { StartAt: 'Task 0', States: Object.fromEntries(states) } as Definition;
  const server: Server = new LocalStepFunctions([{ arn, type, definition }], handlers).server();
  const endpoint = await listen(server);
  stops.push(() => close(server));
  const client = new SFNClient({
    ...{ endpoint, region: 'local', disableHostPrefix: true, maxAttempts: 1 },
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  });
  stops.push(() => client.destroy());
  return client;
}

const runSync = async (client: SFNClient, input: unknown) =>
  client.send(new StartSyncExecutionCommand({ stateMachineArn: arn, input: JSON.stringify(input) }));

describe('what passes between two states', () => {
  /** JSON of so many bytes. */
  const ofBytes = (bytes: number) => ({ text: 'x'.repeat(bytes - '{"text":""}'.length) });

  it('may have 262,144 bytes', async () => {
    const client = await chain('EXPRESS', async () => ofBytes(262_144));
    expect(await runSync(client, {})).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('and not one more', async () => {
    let reached = false;
    const client = await chain(
      'EXPRESS',
      async () => ofBytes(262_145),
      async () => {
        reached = true;
      },
    );
    expect(await runSync(client, {})).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' });
    expect(reached).toBe(false);
  });
});

describe('a generation that its caller aborts', () => {
  it('is stopped: no state runs after the one that runs', async () => {
    const running = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const ran: string[] = [];
    const client = await chain(
      'STANDARD',
      async () => {
        ran.push('first');
        running.resolve();
        await gate.promise;
        return {};
      },
      async () => {
        ran.push('second');
        return {};
      },
    );
    const aborting = new AbortController();
    const generation = runGeneration(client, arn, { prompt: 'x' }, { signal: aborting.signal });
    await running.promise;
    aborting.abort();
    await expect(generation).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    gate.resolve();
    // Long enough for the second state, which without the stop starts in the same millisecond.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(ran).toEqual(['first']);
  });
});

describe('a Task', () => {
  /** An execution of one Task that goes on for so many seconds. */
  async function running(seconds: number, limit: object) {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    stops.push(() => void vi.useRealTimers());
    const gate = Promise.withResolvers<object>();
    const task = { Type: 'Task', Resource: 'act', ...limit, End: true };
    const branch: Definition = { StartAt: 'Inner', States: { Inner: task } };
    const execution = new Execution(
      { StartAt: 'Both', States: { Both: { Type: 'Parallel', Branches: [branch], End: true } } },
      '{}',
      { arn, name: 'one', tasks: { Inner: () => gate.promise as never } },
    );
    await vi.advanceTimersByTimeAsync(1000 * seconds);
    return { execution, finish: () => gate.resolve({ done: true }) };
  }

  it('without a limit takes as long as it takes', async () => {
    const { execution, finish } = await running(86_400, {});
    expect(execution.result).toEqual({ status: 'RUNNING' });
    finish();
    expect(await execution.ended).toEqual({ status: 'SUCCEEDED', output: '[{"done":true}]' });
  });

  it('with one is ended by it', async () => {
    const { execution } = await running(91, { TimeoutSeconds: 90 });
    expect(await execution.ended).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
  });
});
