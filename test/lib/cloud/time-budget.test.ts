import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { timeoutRetries } from '../../../functions/settle-block/settle-block.ts';
import { returnAfterMilliseconds } from '../../../functions/shared/express-time.ts';
import { defaultEndpointTimeout } from '../../../lib/cloud/time-budget.ts';
import { engineDefaults } from '../../../lib/engine.ts';
import { readTemplate } from '../../../lib/local/definitions.ts';
import type { Definition, State } from '../../../lib/local/states-language.ts';
import { synthesise } from '../../../lib/local/synthesise.ts';
import { tinyFleet } from '../../support/tiny-fleet.ts';

type Machine = 'EXPRESS' | 'STANDARD' | 'BATCH';

let definitions: Record<Machine, Definition>;
let timeouts: Map<string, number>;
let remove: () => Promise<void>;
let folder: string;

beforeAll(async () => {
  const tiny = await tinyFleet();
  remove = tiny.remove;
  folder = await mkdtemp(join(tmpdir(), 'slingshot-budget-'));
  const { machines, functions } = readTemplate(synthesise(tiny.fleet, engineDefaults, folder));
  const ours = [...machines].filter(([id]) => /^(Generate|DenoiseBlock|Batch)/.test(id));
  definitions = Object.fromEntries(
    ours.map(([id, { type, definition }]) => [id.startsWith('Batch') ? 'BATCH' : type, definition]),
  ) as never;
  timeouts = new Map([...functions.values()].map(({ arn, timeoutMilliseconds }) => [arn, timeoutMilliseconds / 1000]));
});
afterAll(async () => {
  await remove();
  await rm(folder, { recursive: true });
});

interface Retrier {
  readonly ErrorEquals: string[];
  readonly IntervalSeconds: number;
  readonly MaxAttempts: number;
  readonly BackoffRate: number;
  readonly MaxDelaySeconds: number;
}

function stateOf(machine: Machine, name: string): State {
  const { States } = definitions[machine];
  const inner = States['Ask models'] ?? States.Chunks;
  return States[name] ?? (inner.ItemProcessor as Definition).States[name];
}
const retriersOf = (state: State) => state.Retry as Retrier[];

/** Seconds that a task takes at most: each of its tries to its limit, and the longest waits between them. */
function worst(machine: Machine, name: string): number {
  const state = stateOf(machine, name);
  const waits = retriersOf(state).flatMap(({ MaxAttempts, IntervalSeconds, BackoffRate, MaxDelaySeconds }) =>
    Array.from({ length: MaxAttempts }, (_, i) => Math.min(MaxDelaySeconds, IntervalSeconds * BackoffRate ** i)),
  );
  return (waits.length + 1) * Number(state.TimeoutSeconds) + waits.reduce((sum, wait) => sum + wait, 0);
}

const returnAfter = returnAfterMilliseconds / 1000;
const allTasks = () => [
  ...['Ask model', 'Reduce', 'Visit'].map((name) => ['EXPRESS', name] as const),
  ...['Prepare', 'Settle block', 'Finish'].map((name) => ['STANDARD', name] as const),
  ...['Validate', 'Prepare chunk', 'Commit chunk', 'Finish chunk', 'Assemble'].map((name) => ['BATCH', name] as const),
];

describe('time that tries may take', () => {
  it("a block's last step, tried as often as it may be, ends within its execution", () => {
    const limit = Number(definitions.EXPRESS.TimeoutSeconds);
    expect(returnAfter + worst('EXPRESS', 'Ask model') + worst('EXPRESS', 'Reduce')).toBeLessThanOrEqual(limit);
    expect(returnAfter + worst('EXPRESS', 'Visit')).toBeLessThanOrEqual(limit);
    expect(Number(stateOf('STANDARD', 'Denoise block').TimeoutSeconds)).toBeGreaterThan(limit);
  });

  it('a block that fails to its limit again and again fails by its own name, before its generation is out of time', () => {
    const blocks = (1 + timeoutRetries) * (worst('STANDARD', 'Denoise block') + worst('STANDARD', 'Settle block'));
    const others = worst('STANDARD', 'Prepare') + worst('STANDARD', 'Commit block') + worst('STANDARD', 'Finish');
    expect(blocks + others).toBeLessThan(Number(definitions.STANDARD.TimeoutSeconds));
  });

  it('is the same on one machine as where it is deployed', () => {
    expect(engineDefaults.endpointTimeoutMilliseconds).toBe(defaultEndpointTimeout.toMilliseconds());
  });

  it('a function is not cut before its task gives up', () => {
    for (const [machine, name] of allTasks()) {
      const { Resource, TimeoutSeconds } = stateOf(machine, name);
      expect(timeouts.get(String(Resource)), name).toBe(TimeoutSeconds);
    }
  });
});

describe('what is tried again', () => {
  it('is every failure that another try may cure, and none that it does not', () => {
    const cured = [
      ...[
        'Lambda.Unknown',
        'Lambda.TooManyRequestsException',
        'Runtime.ExitError',
        'Sandbox.Timedout',
        'States.Timeout',
      ],
      ...['FunctionTimeout', 'EndpointUnavailable', 'EndpointTimeout', 'BadAnswer', 'StoreUnavailable'],
    ];
    const final = [
      ...['InvalidRequest', 'ContractViolation', 'EndpointRejected', 'StoreRejected', 'BlockTimedOut', 'BlockFailed'],
      ...['States.ALL', 'States.TaskFailed', 'States.DataLimitExceeded', 'States.Runtime'],
    ];
    for (const [machine, name] of allTasks()) {
      const retried = retriersOf(stateOf(machine, name)).flatMap(({ ErrorEquals }) => ErrorEquals);
      expect(retried, name).toEqual(expect.arrayContaining(cured));
      for (const error of final) expect(retried, name).not.toContain(error);
    }
  });
});
