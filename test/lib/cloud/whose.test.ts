import {
  DescribeExecutionCommand,
  SFNClient,
  StartExecutionCommand,
  StartSyncExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalAws } from '../../../lib/local/aws-environment.ts';
import { readTemplate, tasksOf } from '../../../lib/local/definitions.ts';
import type { Definition, State } from '../../../lib/local/states-language.ts';
import { startStepFunctions } from '../../../lib/local/step-functions.ts';
import { Stacks, templates } from '../../support/stacks.ts';

const bound = '$$.Execution.Input.tenant';
/** Of a child of a batch's Map, whose input the Map makes of its own execution's. */
const childBound = '$$.Execution.Input.BatchInput.tenant';
const ofChildren = ['Prepare chunk', 'Commit chunk', 'Finish chunk'];

let stacks: Stacks;
let deployment: ReturnType<typeof readTemplate>;
beforeAll(async () => {
  stacks = await Stacks.create();
  const [template] = templates(stacks.build());
  deployment = readTemplate(template.toJSON() as never);
});
afterAll(() => stacks.remove());

/** Every state of a definition, inside maps too. */
function statesOf({ States }: Definition): [string, State][] {
  return Object.entries(States).flatMap(([name, state]) => [
    [name, state] as [string, State],
    ...(state.ItemProcessor ? statesOf(state.ItemProcessor) : []),
  ]);
}

/** What a state takes from elsewhere: each path or intrinsic function, by the field that it fills. */
function takenBy(value: unknown, field = ''): [string, string][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]): [string, string][] =>
    name.endsWith('.$') ? [[field + name.slice(0, -2), String(inner)]] : takenBy(inner, `${field}${name}.`),
  );
}

describe('whose a generation is', () => {
  it("tasks are told by the execution's input alone, which no state can change", () => {
    const told: string[] = [];
    for (const { definition } of deployment.machines.values()) {
      for (const [name, state] of statesOf(definition)) {
        if (state.Type !== 'Task' && state.Type !== 'Map') continue;
        const { Parameters, ItemSelector, ItemBatcher } = state as Record<string, object>;
        for (const [field, path] of takenBy({ ...Parameters, ...ItemSelector, ...ItemBatcher })) {
          const where = `${name}: ${field} is ${path}`;
          if (/(^|\.)tenant$/.test(field)) {
            expect(path, where).toBe(ofChildren.includes(name) ? childBound : bound);
            told.push(name);
          }
          // What settles a block acts for no tenant, and what starts one says whose it is.
          const whole = /^\$(\.run)?$/.test(path) && name !== 'Settle block';
          expect(whole || /(?<!\$)\$\.(run\.)?tenant\b/.test(path), where).toBe(false);
          if (/JsonToString\(\s*\$\s*\)/.test(path)) throw new Error(`${where}: hands the state on as it is`);
        }
      }
    }
    expect([...new Set(told)].sort()).toEqual([
      ...['Ask models', 'Chunks', 'Commit block', 'Commit chunk', 'Finish', 'Finish chunk', 'Prepare chunk'],
      ...['Publish model', 'Put down', 'Reduce', 'Validate model', 'Visit'],
    ]);
  });

  it('stays what it was when functions say otherwise', async () => {
    const aws = new LocalAws();
    const seen: [string, unknown][] = [];
    const other = { tenant: 'globex' };
    const run = {
      ...{ contract: 2, id: 'g', ...other, visit: 1, watched: false, detailed: false, recorded: true, stop: [] },
    };
    let calls = 2;
    const state = () => ({
      ...{ ...other, run, prompts: [[1]], contexts: [[null]], retries: { timedOut: 0, redrives: 0 } },
      step: step(),
    });
    const step = () => ({
      ...{ generation: {}, previous: [null], turn: 'return', ledger: { checkedAt: 0 }, ...other },
      calls: calls-- > 0 ? [{ context: 0, previous: 0 }] : [],
    });
    /** A function that was taken over: whatever it answers says that the generation is another's. */
    const answers: Record<string, () => unknown> = {
      prepare: state,
      'invoke-model': () => ({ ...other }),
      reduce: step,
      'commit-block': step,
      finish: () => ({}),
    };
    const client = () => new SFNClient({ disableHostPrefix: true, maxAttempts: 1 });
    const handlers = new Map<string, (input: unknown) => Promise<unknown>>();
    for (const { arn, folder } of deployment.functions.values()) {
      handlers.set(arn, async (input) => {
        const { run, request } = input as { run?: { tenant: unknown }; request?: { tenant: unknown } };
        seen.push([folder, (run ?? request)?.tenant]);
        return answers[folder]();
      });
    }
    for (const { definition } of deployment.machines.values()) {
      for (const resource of tasksOf(definition).values()) {
        if (resource.includes(':sagemaker:')) handlers.set(resource, async () => ({}));
      }
    }
    handlers.set('arn:aws:states:::aws-sdk:sfn:startSyncExecution', async (input) => {
      const { StateMachineArn: stateMachineArn, Input } = input as { StateMachineArn: string; Input: string };
      const answer = await client().send(new StartSyncExecutionCommand({ stateMachineArn, input: Input }));
      return { Status: answer.status, Output: answer.output, Input, Error: answer.error, Cause: answer.cause };
    });
    const service = await startStepFunctions(deployment.machines.values(), handlers);
    aws.add(service);
    try {
      const stateMachineArn = deployment.outputs.get('GenerateArn');
      const input = JSON.stringify({ tenant: 'acme', generation: 'g', request: { tenant: 'globex' } });
      const { executionArn } = await client().send(new StartExecutionCommand({ stateMachineArn, input }));
      await service.executions.ended(executionArn ?? '');
      const ended = await client().send(new DescribeExecutionCommand({ executionArn }));
      expect([ended.status, ended.error, ended.cause]).toEqual(['SUCCEEDED', undefined, undefined]);
      expect(new Set(seen.map(([folder]) => folder))).toEqual(new Set(Object.keys(answers)));
      expect(seen.filter(([, tenant]) => tenant !== 'acme')).toEqual([]);
    } finally {
      await service.stop();
      aws.restore();
    }
  });
});
