import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fairnessRows } from './fairness.ts';
import { generationRows } from './generation.ts';
import { matrixPeak } from './matrix-peak.ts';
import { ngramRows } from './ngram.ts';
import type { Row } from './row.ts';
import { serviceRows } from './service.ts';
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
  fairness: fairnessRows,
  service: () => serviceRows(options.models),
  ngram: async () => (corpora ? ngramRows(corpora) : (leaveOut('n-gram models', '--corpora FOLDER') ?? [])),
};
const chosen = positionals.length > 0 ? positionals : Object.keys(groups);
const unknown = chosen.find((name) => !(name in groups));
if (unknown) throw new Error(`there is no benchmark ${unknown}: ${Object.keys(groups).join(', ')}`);

const { versions, arch, platform } = process;
const machine = `${cpus().length} x ${cpus()[0]?.model.trim()}, ${platform} ${arch}, Node ${versions.node}`;
console.log(`${machine}\n`);

const peak = await matrixPeak();
const rows: Row[] = [{ name: 'matrix product 2048^3, fp32', value: peak, unit: 'GFLOP/s' }];
for (const name of chosen) rows.push(...(await groups[name](peak)));
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
