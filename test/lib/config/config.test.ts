import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultTiers } from '../../../functions/contracts/tiers.ts';
import { checkStage, fleetOf } from '../../../lib/config/check.ts';
import { differences } from '../../../lib/config/differences.ts';
import { loadConfig, stagesOf } from '../../../lib/config/load-config.ts';
import { chosenStages, stageNamed } from '../../../lib/config/stages.ts';
import { tinyFleet } from '../../support/tiny-fleet.ts';

const stages = { dev: {}, prod: { account: '123456789012', region: 'eu-central-1' } };
const read = (config: unknown) => stagesOf(config, 'the file');

describe('a configuration', () => {
  it('needs stages alone; all else is as usual', () => {
    const dev = stageNamed(read({ stages }), 'dev');
    expect(dev.settings).toMatchObject({
      core: { instanceType: 'ml.g5.xlarge' },
      tenants: { instanceType: 'ml.g4dn.xlarge' },
      scaling: { core: { copies: { min: 1, max: 4 } }, tenants: { toZero: true, idleMinutes: 30 } },
      quotas: defaultTiers,
      keys: { customer: true },
      retention: { logDays: 30, protectData: true },
      kept: 256,
    });
  });

  it('has stages that differ in single members of a section', () => {
    const core = { instanceType: 'ml.g5.2xlarge', instances: 2 };
    const own = { ...stages, dev: { core: { instances: 1 }, network: { corsOrigins: ['http://localhost:5173'] } } };
    const all = read({ stages: own, core, network: { corsOrigins: ['https://a.example', 'https://b.example'] } });
    expect(stageNamed(all, 'prod')).toMatchObject({ account: '123456789012', settings: { core } });
    const { settings } = stageNamed(all, 'dev');
    expect(settings.core).toEqual({ ...core, instances: 1 });
    expect(settings.network.corsOrigins).toEqual(['http://localhost:5173']);
  });

  it.each([
    [{}, 'stages: '],
    [{ stages: {} }, 'stages: has no stage'],
    [{ stages: { Prod: {} } }, 'stages.Prod: '],
    [{ stages: { prod: { account: '1234' } } }, 'stages.prod.account: is no account: 12 digits, in quotes'],
    [{ stages: { prod: { region: 'Frankfurt' } } }, 'stages.prod.region: is no region, such as eu-central-1'],
    [{ stages, corre: {} }, 'corre: is no setting; there are models, routing, core'],
    [
      { stages, core: { instancetype: 'ml.g5.xlarge' } },
      'core.instancetype: is no setting; there are instanceType, provider, instances',
    ],
    [
      { stages: { dev: { scaling: { core: { copy: 3 } } } } },
      'stages.dev.scaling.core.copy: is no setting; there are copies',
    ],
    [{ stages, quotas: { trial: { perDay: 3 } } }, 'quotas.trial.'],
    [{ stages: { dev: { core: { instance: 1 } } } }, 'stages.dev.core.instance: is no setting; there are instanceType'],
    [{ stages, core: { instanceType: 'g5.xlarge' } }, 'core.instanceType: is no SageMaker instance type'],
    [{ stages, core: { instances: 0 } }, 'core.instances: Too small: expected number to be >=1 (it is 0)'],
    [{ stages, kept: '256' }, 'kept: Invalid input: expected number, received string (it is "256")'],
    [
      { stages, core: { instanceType: 'ml.c7i.4xlarge', provider: 'cuda' } },
      'core.provider: cuda needs GPUs, and ml.c7i.4xlarge has none',
    ],
    [
      { stages: { dev: { tenants: { instanceType: 'ml.m5.xlarge' } } }, tenants: { provider: 'cuda' } },
      'stages.dev.tenants.provider: cuda needs GPUs, and ml.m5.xlarge has none',
    ],
    [
      { stages, routing: { cores: { core: [{ from: 0.2, to: 1, model: 'core' }] } } },
      'routing.cores.core: routes must cover (0, 1] exactly once: core answers for (0.2, 1] after 0',
    ],
    [
      {
        stages,
        routing: {
          tenants: [
            {
              name: 'acme',
              routes: [
                { from: 0, to: 0.7, model: 'acme' },
                { from: 0.6, to: 1, model: 'late' },
              ],
            },
          ],
        },
      },
      'routing.tenants.0.routes: routes must cover (0, 1] exactly once: late answers for (0.6, 1] after 0.7',
    ],
    [
      {
        stages,
        routing: {
          tenants: [
            { name: 'acme', routes: 'acme' },
            { name: 'acme', routes: 'other' },
          ],
        },
      },
      'routing.tenants.1.name: acme is the name of 0, too; each tenant is there once',
    ],
    [{ stages, scaling: { core: { copies: { min: 5 } } } }, 'scaling.core: copies.min is more than copies.max'],
    [{ stages, alarms: { email: 'nobody' } }, 'alarms.email: is no address (it is "nobody")'],
  ])('%j is refused', (config, message) => {
    expect(() => read(config)).toThrow(`the file: ${message}`);
  });
});

describe('stages', () => {
  it('are all of them, or those that are named', () => {
    const all = read({ stages });
    expect(chosenStages(all).map(({ name }) => name)).toEqual(['dev', 'prod']);
    expect(chosenStages(all, 'prod').map(({ name }) => name)).toEqual(['prod']);
    expect(() => chosenStages(all, 'dev,prd')).toThrow('stage "prd": there is none; there are dev, prod');
    expect(() => stageNamed(all)).toThrow('name one, --stage NAME');
  });

  it('differ by the paths of their settings', () => {
    const before = stageNamed(read({ stages }), 'dev').settings;
    const after = stageNamed(read({ stages, core: { instances: 3 }, network: { firewall: true } }), 'dev').settings;
    expect(differences(before, after)).toEqual([
      { path: 'core.instances', before: undefined, after: 3 },
      { path: 'network.firewall', before: false, after: true },
    ]);
    expect(differences(before, before)).toEqual([]);
  });
});

describe('a stage is checked against its models and the account', () => {
  let tiny: Awaited<ReturnType<typeof tinyFleet>>;
  beforeAll(async () => {
    tiny = await tinyFleet();
  });
  afterAll(() => tiny.remove());
  const stage = (config: object) => stageNamed(read({ stages, ...config }), 'prod');

  it('before anything is deployed with the credentials of another', () => {
    expect(() => checkStage(stage({}), tiny.fleet, { account: '210987654321' })).toThrow(
      'stage prod: account: is 123456789012, and the credentials are of 210987654321',
    );
    checkStage(stage({}), tiny.fleet, { account: '123456789012' });
  });

  it.each([
    [{ tokensPerDay: 4 }, 'tokensPerDay: is 4, less than one request for one block takes; 5 at least'],
    [{ stepsPerDay: 99 }, 'stepsPerDay: is 99, less than one request for one block takes; 100 at least'],
  ])('and refused with a quota of %j', (limit, message) => {
    const quotas = { trial: { ...defaultTiers.trial, ...limit } };
    expect(() => checkStage(stage({ quotas }), tiny.fleet)).toThrow(`stage prod: quotas.trial.${message}`);
  });

  it('and its routing goes by the models that there are', async () => {
    const tenants = [{ name: 'acme', routes: 'acme' }];
    const { catalog } = await fleetOf(stage({ models: tiny.folder, routing: { tenants } }));
    expect(Object.keys(catalog.tenants)).toEqual(['acme']);
    const absent = stage({ models: tiny.folder, routing: { tenants: [{ name: 'acme', routes: 'nobody' }] } });
    await expect(fleetOf(absent)).rejects.toThrow('acme: there is no model nobody in it');
  });
});

describe('the file', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slingshot-config-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is a module with a default export', async () => {
    const path = join(folder, 'good.ts');
    await writeFile(path, 'const kept: number = 64;\nexport default { stages: { dev: {} }, kept };\n');
    expect(stageNamed(await loadConfig(path)).settings.kept).toBe(64);
  });

  it.each([
    ['empty.ts', 'export const config = {};', 'has no default export'],
    ['broken.ts', 'export default {', 'broken.ts cannot be read'],
    ['text.ts', 'export default "prod";', 'is string, not an object'],
  ])('%s is refused', async (name, text, message) => {
    await writeFile(join(folder, name), text);
    await expect(loadConfig(join(folder, name))).rejects.toThrow(message);
  });

  it('of this repository is right', async () => {
    expect([...(await loadConfig()).keys()]).toEqual(['dev']);
  });
});
