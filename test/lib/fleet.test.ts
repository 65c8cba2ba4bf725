import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fleetFor, readFleet, shippedModels } from '../../lib/fleet.ts';
import { saveModel } from '../../models/checkpoint/model-directory.ts';
import { loadServedConfig } from '../../models/checkpoint/served-model.ts';
import type { DiffusionConfig } from '../../models/ssd2/config.ts';
import { endpointName } from '../../models/ssd2/routing.ts';
import { trainTokenizer } from '../../models/tokenizer/train-tokenizer.ts';
import {
  routedFleet,
  sentences,
  tinyConfig,
  tinyFleet,
  tinyRoutedFleet,
  tinyTokenizer,
  tinyWeights,
} from '../support/tiny-fleet.ts';

let tiny: Awaited<ReturnType<typeof tinyRoutedFleet>>;
beforeAll(async () => {
  tiny = await tinyRoutedFleet();
});
afterAll(() => tiny.remove());

const backwards = (text: string) => [...text].reverse().join('');
const endpoints = (fleet: Awaited<ReturnType<typeof readFleet>>) =>
  fleet.models.map(({ endpoint }) => endpointName(endpoint));

describe('the shipped fleet', () => {
  it('has its cores and tenants, each model with a card, in at most 160 MB', async () => {
    const { catalog, models } = await readFleet();
    expect(Object.keys(catalog.cores)).toEqual(['core', 'instruct', 'specialists']);
    expect(Object.keys(catalog.tenants).sort()).toEqual(['broadcast-video', 'contact-center', 'fairy-tales']);
    for (const { directory } of models) expect(existsSync(join(directory, 'README.md')), directory).toBe(true);
    const files = await readdir(shippedModels, { recursive: true, withFileTypes: true });
    const sizes = files.filter((file) => file.isFile()).map((file) => statSync(join(file.parentPath, file.name)).size);
    expect(sizes.reduce((a, b) => a + b)).toBeLessThan(160e6);
  });

  it('shares one tokenizer', async () => {
    const { models } = await readFleet();
    const configs = await Promise.all(models.map(({ directory }) => loadServedConfig(directory)));
    const folders = configs.map(({ tokenizerDirectory }) => tokenizerDirectory);
    expect(new Set(folders)).toEqual(new Set([join(shippedModels, 'smollm2-135m-instruct')]));
  });
});

describe('a fleet', () => {
  it('without a fleet.json is the core and a tenant for every other model', async () => {
    const plain = await tinyFleet();
    expect(endpoints(plain.fleet)).toEqual(['slingshot-core', 'slingshot-tenant-acme']);
    expect(Object.keys(plain.fleet.catalog.tenants)).toEqual(['acme']);
    await plain.remove();
  });

  it('routes as its fleet.json says; models of cores are components of one endpoint', () => {
    const { cores } = tiny.fleet.catalog;
    expect(cores.specialists).toEqual({
      routes: [
        { from: 0, to: 0.5, endpoint: { endpoint: 'slingshot-core', component: 'core' } },
        { from: 0.5, to: 0.8, endpoint: { endpoint: 'slingshot-core', component: 'middle' } },
        { from: 0.8, to: 1, endpoint: { endpoint: 'slingshot-core', component: 'high' } },
      ],
      template: 'plain',
    });
    expect(cores.instruct.template).toBe('instruction');
    expect(tiny.fleet.core.name).toBe('core');
  });

  it('is cut to what a request can use', () => {
    expect(endpoints(fleetFor(tiny.fleet, {}))).toEqual(['slingshot-core/core']);
    expect(endpoints(fleetFor(tiny.fleet, { core: 'instruct', tenant: 'acme' }))).toEqual([
      'slingshot-core/middle',
      'slingshot-tenant-acme',
    ]);
    expect(endpoints(fleetFor(tiny.fleet, { core: 'specialists' }))).toHaveLength(3);
  });

  it.each([
    ['{', 'is not JSON'],
    [JSON.stringify({ ...routedFleet, colour: 'red' }), 'Unrecognized key'],
    [JSON.stringify({ cores: { instruct: 'middle' }, tenants: {} }), 'cores: there must be a core'],
    [JSON.stringify({ ...routedFleet, shares: { next: 0.1 } }), 'shares: there is no core next; known cores: core'],
    [JSON.stringify({ ...routedFleet, shares: { specialists: 1.5 } }), 'shares.specialists'],
    [JSON.stringify({ ...routedFleet, shares: { core: 0.5 } }), 'core has what the others leave'],
    [JSON.stringify({ ...routedFleet, tenants: { acme: 'nobody' } }), 'acme: there is no model nobody in it'],
    [
      JSON.stringify({ cores: { core: 'core', other: 'acme' }, tenants: { acme: 'acme' } }),
      "model acme is a core's and a tenant's",
    ],
    ...['Acme Corp', 'a_b', 'tenänt', 'ACME', '-acme', 'a--b', 'a'.repeat(60), '__proto__'].map((name) => [
      JSON.stringify({ ...routedFleet, tenants: {} }).replace('"tenants":{', `$&${JSON.stringify(name)}:"acme"`),
      `${JSON.stringify(name)} cannot name an endpoint`,
    ]),
    [
      JSON.stringify({ cores: { core: [{ from: 0.2, to: 1, model: 'core' }] }, tenants: {} }),
      'core: routes must cover (0, 1] exactly once',
    ],
  ])('%# with a wrong fleet.json says what is wrong', async (json, message) => {
    const path = join(tiny.folder, 'fleet.json');
    await writeFile(path, json);
    await expect(readFleet(tiny.folder)).rejects.toThrow(message);
    await writeFile(path, JSON.stringify(routedFleet));
  });
});

describe('models that do not belong together are refused', () => {
  let folder: string;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    ({ folder, remove } = await tinyFleet());
  });
  afterEach(() => remove());

  const tenant = (changes: Partial<DiffusionConfig>, tokenizer?: string) => async () => {
    const config = { ...tinyConfig, ...changes };
    await saveModel(join(folder, 'acme'), config, tokenizer ?? (await tinyTokenizer()), tinyWeights(config, 2));
  };

  it.each([
    ['another block', tenant({ block: 10 }), 'its block is 10, not 5'],
    ['another end-of-text', tenant({ endOfText: 1 }), 'its endOfText is 1, not 0'],
    ['another vocabulary', tenant({ vocabulary: 301 }), 'its vocabulary is 301, not 300'],
    ['fewer positions', tenant({ positions: 35 }), 'it takes 35 positions, which must be 40 or more'],
    [
      'a tokenizer of the same size, with other ids',
      async () => tenant({}, await trainTokenizer(sentences.map(backwards), 300))(),
      'its tokenizer.json is another',
    ],
    [
      'weights that are no file',
      async () => {
        await rm(join(folder, 'acme', 'model.safetensors'));
        await mkdir(join(folder, 'acme', 'model.safetensors'));
      },
      'model.safetensors is not a file',
    ],
    [
      'an end-of-text that is no token',
      async () => {
        for (const name of ['core', 'acme']) {
          const path = join(folder, name, 'config.json');
          const config = JSON.parse(await readFile(path, 'utf8'));
          await writeFile(path, JSON.stringify({ ...config, eos_token_id: 300 }));
        }
      },
      'end-of-text is 300, which is no token of a vocabulary of 300',
    ],
  ])('%s', async (_, change, message) => {
    await change();
    await expect(readFleet(folder)).rejects.toThrow(message);
  });

  it('but a tenant may take longer texts than the core', async () => {
    await tenant({ positions: 80 })();
    expect((await readFleet(folder)).models).toHaveLength(2);
  });
});

describe('names that every object has', () => {
  it.each(['constructor', '__proto__', 'toString'])('%s is a core or a tenant only if the fleet has it', (name) => {
    const refused = `there is no "${name}"; known `;
    expect(() => fleetFor(tiny.fleet, { tenant: name })).toThrow(`tenant: ${refused}tenants: acme`);
    expect(() => fleetFor(tiny.fleet, { core: name })).toThrow(`core: ${refused}cores: core, instruct, specialists`);
  });

  it('can be a tenant of', async () => {
    const path = join(tiny.folder, 'fleet.json');
    await writeFile(path, JSON.stringify({ ...routedFleet, tenants: { constructor: 'acme' } }));
    const fleet = await readFleet(tiny.folder);
    expect(endpoints(fleetFor(fleet, { tenant: 'constructor' }))).toContain('slingshot-tenant-acme');
    await writeFile(path, JSON.stringify(routedFleet));
  });
});
