import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundling, notBundled } from '../../../lib/cloud/bundling.ts';

const root = join(import.meta.dirname, '../../..');
/** Of what every denoise step waits for when a function starts cold. */
const mostBytes = 1_000_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slingshot-bundles-'));
});
afterAll(() => rm(folder, { recursive: true }));

it.each(['invoke-model', 'reduce'])('%s is a small bundle with all that it needs, and loads', async (name) => {
  const outfile = join(folder, `${name}.mjs`);
  const { format, target, minify, mainFields, banner } = bundling;
  await build({
    ...{ entryPoints: [join(root, 'functions', name, 'handler.ts')], bundle: true, platform: 'node', outfile },
    ...{ format, target, minify, mainFields, banner: { js: banner }, external: notBundled(name), logLevel: 'error' },
  });
  expect((await stat(outfile)).size).toBeLessThan(mostBytes);
  const load = `console.log(typeof (await import(${JSON.stringify(outfile)})).handler)`;
  // There is no folder of packages above it, so that it fails for want of what is not in it.
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', load]);
  expect(stdout.trim()).toBe('function');
});
