import { fork } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleRows } from './bundles.ts';
import { fairnessRows } from './fairness.ts';
import { fleetRows } from './fleet.ts';
import { generationRows } from './generation.ts';
import { laneRows } from './lanes.ts';
import { matrixPeak } from './matrix-peak.ts';
import { ngramRows } from './ngram.ts';
import type { Row } from './row.ts';
import { serviceRows, tinyServiceRows } from './service.ts';
import { servicePartRows } from './service-parts.ts';
import { stepRows } from './step.ts';
import { trainingRows } from './training.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { corpora: { type: 'string' }, pytorch: { type: 'string' }, models: { type: 'string' } },
});
const { corpora, pytorch = process.env.SLINGSHOT_PYTORCH } = options;

const groups: Record<string, (peak: number) => Promise<Row[]>> = {
  training: trainingRows,
  generation: generationRows,
  step: async () => stepRows(pytorch || leaveOut('the step in PyTorch', '--pytorch PYTHON or SLINGSHOT_PYTORCH')),
  lanes: async () => laneRows(pytorch || leaveOut('the lanes in PyTorch', '--pytorch PYTHON or SLINGSHOT_PYTORCH')),
  fairness: fairnessRows,
  fleet: fleetRows,
  bundles: bundleRows,
  'service-tiny': tinyServiceRows,
  service: () => serviceRows(options.models),
  'service-parts': servicePartRows,
  ngram: async () => (corpora ? ngramRows(corpora) : (leaveOut('n-gram models', '--corpora FOLDER') ?? [])),
};
const chosen = positionals.length > 0 ? positionals : Object.keys(groups);
const unknown = chosen.find((name) => !(name in groups));
if (unknown) throw new Error(`there is no benchmark ${unknown}: ${Object.keys(groups).join(', ')}`);

const { versions, arch, platform } = process;
const machine = `${cpus().length} x ${cpus()[0]?.model.trim()}, ${platform} ${arch}, Node ${versions.node}`;
if (!process.send) console.log(`${machine}\n`);

const peak = await matrixPeak();
if (process.send) {
  // One of several groups: it has a process to itself, as there is one local cloud a process.
  process.send(await groups[chosen[0]](peak));
  process.disconnect();
  process.exit();
}
const rows: Row[] = [{ name: 'matrix product 2048^3, fp32', value: peak, unit: 'GFLOP/s' }];
for (const name of chosen) rows.push(...(chosen.length === 1 ? await groups[name](peak) : await inProcess(name)));
const width = Math.max(...rows.map(({ name }) => name.length));
for (const { name, value, unit, baseline, ratio } of rows) {
  const compared = ratio === undefined ? '' : `  ${(100 * ratio).toFixed(0)} % of ${baseline}`;
  console.log(`${name.padEnd(width)}  ${value.toFixed(value < 10 ? 3 : 2).padStart(9)} ${unit.padEnd(8)}${compared}`);
}
const folder = join(import.meta.dirname, '..', 'bench-results');
await mkdir(folder, { recursive: true });
await writeFile(join(folder, 'bench.json'), `${JSON.stringify({ machine, rows }, null, 2)}\n`);
console.log('\nas JSON: bench-results/bench.json');

function leaveOut(what: string, option: string): undefined {
  console.log(`left out: ${what}, for want of ${option}\n`);
}

async function inProcess(name: string): Promise<Row[]> {
  const given = Object.entries(options).flatMap(([option, value]) => (value ? [`--${option}`, value] : []));
  const child = fork(import.meta.filename, [name, ...given]);
  const { promise, resolve, reject } = Promise.withResolvers<Row[]>();
  child.once('message', (made) => resolve(made as Row[]));
  child.once('exit', (code) => reject(new Error(`the benchmark ${name} ended with ${code}`)));
  return promise;
}
