import { fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type FuzzResult, fuzz } from './fuzz.ts';
import { makeTargets } from './targets.ts';

const help = `npm run fuzz -- [--inputs N] [--seed S] [--only NAME] [--out FILE]

Feeds damaged inputs to everything that takes bytes from elsewhere, each in a process of its own. It must read them or
refuse them by an error of its own: no crash, no hang, no status of 500 or above, no memory kept.

  --inputs N   of all targets together (100000)
  --seed S     that they are made by (1)
  --only NAME  one target
  --out FILE   the results as JSON`;

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    out: { type: 'string' },
    worker: { type: 'string' },
    last: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

interface WorkerResult extends FuzzResult {
  /** By how much the heap and what else the process holds grew from a tenth of the inputs to the last. */
  readonly grownMiB: number;
}

/** One target, in this process; `last` keeps the input at hand, in case it ends the process. */
async function work(name: string, last: string): Promise<void> {
  const { targets, close } = await makeTargets();
  const target = targets.find((one) => one.name === name);
  if (!target) throw new Error(`there is no target ${name}`);
  const count = Math.round(Number(values.inputs) * target.share);
  const memory = () => {
    globalThis.gc?.();
    return process.memoryUsage().rss / 2 ** 20;
  };
  let before = 0;
  const result = await fuzz(target, count, Number(values.seed), (input, done) => {
    writeFileSync(last, input);
    if (done === Math.floor(count / 10)) before = memory();
  });
  process.send?.({ ...result, grownMiB: Math.round(memory() - before) } satisfies WorkerResult);
  await close();
  process.disconnect?.();
}

function inOwnProcess(name: string, folder: string): Promise<WorkerResult> {
  const last = join(folder, 'input');
  const args = ['--worker', name, '--last', last, '--inputs', values.inputs, '--seed', values.seed];
  const child = fork(import.meta.filename, args, { execArgv: ['--expose-gc'] });
  return new Promise((resolve) => {
    let result: WorkerResult | undefined;
    child.on('message', (message) => {
      result = message as WorkerResult;
    });
    child.once('exit', (code, signal) => {
      const what = `the process ended with ${signal ?? code}`;
      const input = result ? '' : readFileSync(last).toString('base64');
      const crash = { target: name, inputs: 0, taken: 0, refused: 0, slowestMilliseconds: 0, grownMiB: 0 };
      resolve(result ?? { ...crash, faults: [{ what, input }] });
    });
  });
}

async function main(): Promise<void> {
  if (values.help) return console.log(help);
  if (values.worker && values.last) return work(values.worker, values.last);
  const { targets, close } = await makeTargets();
  await close();
  const folder = await mkdtemp(join(tmpdir(), 'slingshot-fuzz-'));
  const results: WorkerResult[] = [];
  for (const { name } of targets.filter((one) => values.only === undefined || one.name === values.only)) {
    const result = await inOwnProcess(name, folder);
    results.push(result);
    const kinds = new Map(result.faults.map(({ what, input }) => [what, input]));
    for (const [what, input] of kinds) console.log(`${name}: ${what}\n  ${input.slice(0, 400)}`);
  }
  console.table(
    results.map(({ faults, slowestMilliseconds, ...rest }) => ({
      ...rest,
      faults: faults.length,
      slowestMilliseconds,
    })),
  );
  if (values.out) writeFileSync(values.out, JSON.stringify({ ...values, results }, null, 2));
  await rm(folder, { recursive: true });
  if (results.some(({ faults }) => faults.length > 0)) process.exitCode = 1;
}

await main();
