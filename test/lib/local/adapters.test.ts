import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StepMessage } from '../../../functions/contracts/generation.ts';
import { DirectEngine } from '../../../lib/direct-engine.ts';
import { readFleet } from '../../../lib/fleet.ts';
import { LocalCloud } from '../../../lib/local/local-cloud.ts';
import { adaptersOf, processesOf, sharedProcesses } from '../../../lib/processes.ts';
import { tinyAdaptedSpecialists } from '../../support/tiny-adapted-fleet.ts';
import { routedTimesteps } from '../../support/tiny-fleet.ts';

let tiny: Awaited<ReturnType<typeof tinyAdaptedSpecialists>>;
let cloud: LocalCloud;
let direct: DirectEngine;
const steps: StepMessage[] = [];
beforeAll(async () => {
  tiny = await tinyAdaptedSpecialists();
  direct = await DirectEngine.start(tiny.fleet, { kept: 64 });
  const options = { kept: 64, threads: 1, endpointTimeoutMilliseconds: 20_000 };
  cloud = await LocalCloud.start(tiny.fleet, { ...options, onStep: (step) => steps.push(step) });
});
afterAll(async () => {
  await cloud.stop();
  await direct.stop();
  await tiny.remove();
});

describe('specialists over one base', () => {
  const general = { prompt: 'the queue', tokens: 5, steps: 10, stopAt: 0.3, quality: 'published' as const, seed: 3 };
  const request = { ...general, core: 'specialists', tenant: 'acme', weight: 0.2 };

  it('are one process with the core, which serves each by its name', async () => {
    expect([...cloud.endpoints.keys()].toSorted()).toEqual(['slingshot-core', 'slingshot-tenant-acme']);
    const [core] = processesOf(tiny.fleet.models);
    expect(adaptersOf(core)?.toSorted()).toEqual(['core', 'high', 'middle']);
    const ping = await fetch(`${cloud.endpoints.get('slingshot-core')}/ping`);
    const { model } = (await ping.json()) as { model: string };
    expect(model.split(', ').toSorted()).toEqual(['core', 'high', 'middle']);
  });

  it('are asked for the timesteps of their range', async () => {
    steps.length = 0;
    await cloud.generate(request);
    const asked = steps.map(({ t, routes }) => [Math.round(t * 10) / 10, routes.core.adapter]);
    expect(asked).toEqual(routedTimesteps);
  });

  it('give the text of the plain loop, a step a visit or several, and another than the general model', async () => {
    const routed = await direct.generate(request);
    expect(await cloud.generate(request)).toEqual(routed);
    expect((await cloud.generate({ ...request, visit: 4 })).text).toBe(routed.text);
    const { core, ...alone } = request;
    const other = await direct.generate(alone);
    expect(other.text).not.toBe(routed.text);
    expect(await cloud.generate(alone)).toEqual(other);
  });

  it('stay apart from a core that has no model in common with theirs', async () => {
    const cores = { core: 'core', specialists: [{ from: 0, to: 1, model: 'middle' }] };
    const fleet = await readFleet(tiny.folder, {
      cores: Object.fromEntries(
        Object.entries(cores).map(([name, routes]) => [
          name,
          { routes: typeof routes === 'string' ? [{ from: 0, to: 1, model: routes }] : routes, template: 'plain' },
        ]),
      ),
    });
    expect(processesOf(fleet.models)).toHaveLength(3);
    expect(fleet.models.map(({ endpoint }) => endpoint.adapter)).toEqual([undefined, undefined, undefined]);
  });
});

describe('models that share a process', () => {
  const over = (name: string) => name[0];

  it.each<[string, string[][], string[][]]>([
    ['of one table and base', [['a1', 'a2']], [['a1', 'a2']]],
    ['not of two bases', [['a1', 'b1', 'a2']], [['a1', 'a2'], ['b1']]],
    ['not of two tables', [['a1'], ['a2']], [['a1'], ['a2']]],
    ['of two tables that a third joins', [['a1'], ['a2'], ['a2', 'a1']], [['a1', 'a2']]],
  ])('are those %s', (_, tables, expected) => {
    expect(sharedProcesses(tables, over)).toEqual(expected);
  });
});
