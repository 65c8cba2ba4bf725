import { existsSync, statSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fleetFor, readFleet, shippedModels } from '../../lib/fleet.ts';
import { routedFleet, tinyFleet, tinyRoutedFleet } from '../support/tiny-fleet.ts';

let tiny: Awaited<ReturnType<typeof tinyRoutedFleet>>;
beforeAll(async () => {
  tiny = await tinyRoutedFleet();
});
afterAll(() => tiny.remove());

const endpoints = (fleet: ReturnType<typeof readFleet>) => fleet.models.map(({ endpoint }) => endpoint);

describe('the shipped fleet', () => {
  it('has its cores and tenants, each model with a card, in at most 64 MB', async () => {
    const { catalog, models } = readFleet();
    expect(Object.keys(catalog.cores)).toEqual(['core', 'specialists', 'instruct']);
    expect(Object.keys(catalog.tenants).sort()).toEqual(['broadcast-video', 'contact-center', 'fairy-tales']);
    for (const { directory } of models) expect(existsSync(join(directory, 'README.md')), directory).toBe(true);
    const files = await readdir(shippedModels, { recursive: true, withFileTypes: true });
    const sizes = files.filter((file) => file.isFile()).map((file) => statSync(join(file.parentPath, file.name)).size);
    expect(sizes.reduce((a, b) => a + b)).toBeLessThan(64e6);
  });

  it('shares one tokenizer', async () => {
    const { core, models } = readFleet();
    const tokenizer = await readFile(join(core.directory, 'tokenizer.json'), 'utf8');
    for (const { directory } of models)
      expect(await readFile(join(directory, 'tokenizer.json'), 'utf8')).toBe(tokenizer);
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
        { from: 0, to: 0.5, endpoint: 'slingshot-core/core' },
        { from: 0.5, to: 0.8, endpoint: 'slingshot-core/middle' },
        { from: 0.8, to: 1, endpoint: 'slingshot-core/high' },
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
    [JSON.stringify({ ...routedFleet, tenants: { acme: 'nobody' } }), 'acme: there is no model nobody beside it'],
    [
      JSON.stringify({ cores: { core: [{ from: 0.2, to: 1, model: 'core' }] }, tenants: {} }),
      'core: routes must cover (0, 1] exactly once',
    ],
  ])('%# with a wrong fleet.json says what is wrong', async (json, message) => {
    const path = join(tiny.folder, 'fleet.json');
    await writeFile(path, json);
    expect(() => readFleet(tiny.folder)).toThrow(message);
    await writeFile(path, JSON.stringify(routedFleet));
  });
});
