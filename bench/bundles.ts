import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundleFile, bundleFunctions } from '../lib/cloud/bundling.ts';
import type { Row } from './row.ts';
import { median } from './timing.ts';

/** Functions that a denoise step waits for when they start cold. */
const functions = ['invoke-model', 'reduce', 'denoise-visit'];
const runs = 5;

const measuring = (bundle: string) => `
  const started = performance.now();
  await import(${JSON.stringify(bundle)});
  console.log(JSON.stringify([performance.now() - started, process.memoryUsage().rss / 2 ** 20]));`;

/** What a cold start takes of a function itself: its bundle's size, the time to import it, and the memory after that. */
export async function bundleRows(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'slingshot-bundles-'));
  try {
    bundleFunctions(functions, folder);
    const rows: Row[] = [];
    for (const name of functions) {
      const bundle = join(folder, name, bundleFile);
      const measured: [number, number][] = [];
      for (let run = 0; run < runs; run++) {
        const script = measuring(bundle);
        const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
        measured.push(JSON.parse(stdout));
      }
      rows.push(
        { name: `bundle of ${name}`, value: (await stat(bundle)).size / 2 ** 10, unit: 'KiB' },
        { name: `${name}, to import it`, value: median(measured.map(([milliseconds]) => milliseconds)), unit: 'ms' },
        { name: `${name}, memory then`, value: median(measured.map(([, memory]) => memory)), unit: 'MiB' },
      );
    }
    return rows;
  } finally {
    await rm(folder, { recursive: true });
  }
}
