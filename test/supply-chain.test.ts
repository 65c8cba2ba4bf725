import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

interface Entry {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly license?: string;
  readonly dev?: boolean;
  /** Inside the package that brings it, and covered by its integrity. */
  readonly inBundle?: boolean;
  readonly hasInstallScript?: boolean;
}

let packages: [string, Entry][];
beforeAll(async () => {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
  packages = Object.entries<Entry>(lock.packages).filter(([path]) => path !== '');
});

describe('the lockfile', () => {
  it('has the digest of every package, of other platforms too, and the address of none', () => {
    const unchecked = packages.filter(([, { integrity, inBundle }]) => !inBundle && !integrity?.startsWith('sha512-'));
    expect(unchecked.map(([path]) => path)).toEqual([]);
    expect(packages.filter(([, { resolved }]) => resolved).map(([path]) => path)).toEqual([]);
  });

  it('brings the Node that the program runs on', async () => {
    const wanted = ['linux-arm64', 'linux-x64', 'win-x64'].map((platform) => `node_modules/node-${platform}`);
    const versions = packages.filter(([path]) => wanted.includes(path)).map(([, { version }]) => version);
    expect(versions).toHaveLength(wanted.length);
    expect(new Set(versions)).toEqual(new Set([process.versions.node]));
    // What npm installs may run nothing.
    expect(await readFile(join(root, '.npmrc'), 'utf8')).toContain('ignore-scripts=true');
  });

  it('has licences only that allow the use that is made of the packages', () => {
    const free = [
      'MIT',
      'MIT-0',
      'Apache-2.0',
      'ISC',
      '0BSD',
      'BSD-2-Clause',
      'BSD-3-Clause',
      'BlueOak-1.0.0',
      'CC0-1.0',
    ];
    // Used as they are, to build and test: lightningcss, and a table of browsers' features.
    const development = [...free, 'MPL-2.0', 'CC-BY-4.0'];
    const others = packages.filter(([, { license = 'none', dev }]) => {
      const choices = license.replaceAll(/[()]/g, '').split(' OR ');
      return !choices.some((choice) => (dev ? development : free).includes(choice));
    });
    expect(others.map(([path, { license }]) => `${path}: ${license}`)).toEqual([]);
  });
});

describe('the program says in one line what it lacks', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slingshot-launch-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const launch = (directory: string, ...flags: string[]) =>
    new Promise<{ code: unknown; stderr: string }>((resolve) => {
      execFile(process.execPath, [...flags, join(directory, 'slingshot.js')], (error, _, stderr) =>
        resolve({ code: error?.code ?? 0, stderr }),
      );
    });

  it('on a Node that is too old', async () => {
    const old = join(folder, 'old.mjs');
    const script = "Object.defineProperty(process.versions, 'node', { value: '20.1.0' });";
    await writeFile(old, script);
    const { code, stderr } = await launch(join(root, 'bin'), '--import', old);
    expect(stderr).toMatch(/^slingshot: needs Node 24 or newer and runs on .*\n$/);
    expect(code).toBe(1);
  });

  it('without the packages that --omit=dev leaves out', async () => {
    // Nothing can be found from here.
    for (const file of ['slingshot.js', 'slingshot.ts']) await cp(join(root, 'bin', file), join(folder, file));
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    const { code, stderr } = await launch(folder);
    expect(stderr).toBe(
      'slingshot: the command line needs the development packages, too: run npm ci without --omit=dev\n',
    );
    expect(code).toBe(1);
  });
});
