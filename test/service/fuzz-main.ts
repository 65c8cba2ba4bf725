import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type FuzzTarget, fuzzService } from './fuzz-service.ts';
import type { Memory, Told } from './fuzz-target.ts';

/** More requests than the suite makes: `npm run fuzz:api -- --runs 100000`. */
const { values } = parseArgs({
  options: { runs: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
});
const batch = 5000;
// In memory, what is kept would grow with the requests.
const folder = await mkdtemp(join(tmpdir(), 'slingshot-fuzz-api-'));
const child = fork(join(import.meta.dirname, 'fuzz-target.ts'), [folder], { execArgv: ['--expose-gc'] });

async function heard<Part extends 'target' | 'memory'>(
  part: Part,
): Promise<Extract<Told, Record<Part, unknown>>[Part]> {
  const [told] = await once(child, 'message');
  return told[part];
}

async function memoryNow(): Promise<Memory> {
  const told = heard('memory');
  child.send('memory');
  return told;
}

function print(done: number, { resident, heap, external }: Memory, total: Readonly<Record<string, number>>): void {
  console.log(
    `${done} requests: ${resident} MiB resident, heap ${heap}, beside it ${external}; ${JSON.stringify(total)}`,
  );
}

const target: FuzzTarget = await heard('target');
const total: Record<string, number> = {};
let failed = false;
print(0, await memoryNow(), total);
for (let done = 0; done < Number(values.runs) && !failed; done += batch) {
  const runs = Math.min(batch, Number(values.runs) - done);
  const { statuses, failures } = await fuzzService(target, { runs, seed: Number(values.seed) + done });
  for (const [status, count] of Object.entries(statuses)) total[status] = (total[status] ?? 0) + count;
  print(done + runs, await memoryNow(), total);
  for (const failure of failures) console.log(failure);
  failed = failures.length > 0;
}
child.send('stop');
await once(child, 'exit');
await rm(folder, { recursive: true });
process.exitCode = failed ? 1 : 0;
