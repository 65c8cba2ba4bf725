import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startModel } from '../../../lib/local/model-process.ts';
import { Resources } from '../../../lib/local/resources.ts';
import { program } from '../../support/command-line.ts';
import { tinyFleet } from '../../support/tiny-fleet.ts';

/** What a way out may take, from its cause to the end of the last process. */
const limitMilliseconds = 5_000;

/** The processes of a run are found in /proc. */
const onLinux = process.platform === 'linux';

let tiny: Awaited<ReturnType<typeof tinyFleet>>;
let work: string;
let temporary: string;
beforeAll(async () => {
  tiny = await tinyFleet();
  work = await mkdtemp(join(tmpdir(), 'slingshot-out-'));
});
beforeEach(async () => {
  temporary = await mkdtemp(join(work, 'tmp-'));
});
afterAll(async () => {
  await tiny.remove();
  await rm(work, { recursive: true });
});

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
}

/** A generation of thousands of steps, through the state machine. */
function generate(args: string[] = [], environment: NodeJS.ProcessEnv = {}): Run {
  const request = ['--prompt', 'To create a queue,', '--tenant', 'acme', '--steps', '9000', '--tokens', '30'];
  const child = spawn(process.execPath, [program, 'generate', '--models', tiny.folder, ...request, ...args], {
    env: { ...process.env, TMPDIR: temporary, ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  return { child, output: () => output };
}

async function started({ child, output }: Run): Promise<number[]> {
  while (!output().includes('block 1')) {
    if (child.exitCode !== null) throw new Error(`it ended: ${output()}`);
    await sleep(20);
  }
  const list = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
  return list.trim().split(' ').map(Number);
}

/** Whether a process runs; one that has ended but that nobody has asked for yet does not. */
function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !(onLinux && / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
  } catch {
    return false;
  }
}

/** Fails unless the run ends, with its processes and folders, within the limit. */
async function expectCleanEnd(child: ChildProcess, models: number[]): Promise<void> {
  const since = performance.now();
  if (child.exitCode === null && child.signalCode === null) {
    await Promise.race([once(child, 'exit'), sleep(limitMilliseconds, undefined, { ref: false })]);
  }
  while (models.some(alive) && performance.now() - since < limitMilliseconds) await sleep(20);
  const left = { ended: child.exitCode ?? child.signalCode, models: models.filter(alive) };
  for (const pid of left.models) process.kill(pid, 'SIGKILL');
  child.kill('SIGKILL');
  expect(left).toMatchObject({ ended: expect.anything(), models: [] });
  expect(await readdir(temporary)).toEqual([]);
}

describe('what a process holds ends with it', () => {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
  it.each([...signals, 'throw', 'exit', 'stop'])('on %s', async (how) => {
    const holder = fork(join(import.meta.dirname, '../../support/holds-resources.ts'), {
      env: { ...process.env, TMPDIR: temporary },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const [{ pid, folder }] = (await once(holder, 'message')) as [{ pid: number; folder: string }];
    expect(existsSync(folder)).toBe(true);
    const signal = signals.find((name) => name === how);
    if (signal) holder.kill(signal);
    else holder.send(how);
    await expectCleanEnd(holder, [pid]);
    expect(holder.signalCode).toBe(signal ?? null);
  });
});

describe.runIf(onLinux)('a local run leaves no process and no folder behind', () => {
  it('when it is interrupted, even with a model frozen', async () => {
    const run = generate();
    const models = await started(run);
    expect(models).toHaveLength(2);
    process.kill(models[1], 'SIGSTOP');
    run.child.kill('SIGINT');
    await expectCleanEnd(run.child, models);
    expect(run.child.signalCode).toBe('SIGINT');
  });

  it('when it is interrupted while the models start', async () => {
    const run = generate();
    while ((await readdir(temporary)).length === 0) await sleep(5);
    run.child.kill('SIGINT');
    await expectCleanEnd(run.child, []);
  });

  it('when a model is frozen, and tells the error before it stops', async () => {
    const run = generate(['--timeout', '1']);
    const models = await started(run);
    process.kill(models[0], 'SIGSTOP');
    while (!run.output().includes('slingshot: ') && run.child.exitCode === null) await sleep(20);
    expect(run.child.exitCode).toBe(null);
    expect(run.output()).toMatch(/^slingshot: EndpointTimeout: endpoint .* no answer within 1 s$/m);
    await expectCleanEnd(run.child, models);
    expect(run.child.exitCode).toBe(1);
  });

  it('when it may not write a temporary folder', async () => {
    const run = generate([], { TMPDIR: '/nowhere' });
    await once(run.child, 'exit');
    expect(run.output()).toMatch(/^slingshot: ENOENT/);
    expect(run.child.exitCode).toBe(1);
    await expectCleanEnd(run.child, []);
  });

  it('when the disk is full', async () => {
    // A limit on the size of a file fails writes, as a full disk does.
    const command = `ulimit -f 1; exec "$0" "$@"`;
    const args = ['generate', '--models', tiny.folder, '--prompt', 'To create', '--json'];
    const child = spawn('bash', ['-c', command, process.execPath, program, ...args], {
      env: { ...process.env, TMPDIR: temporary },
      stdio: 'ignore',
    });
    await once(child, 'exit');
    await expectCleanEnd(child, []);
  });
});

describe('a model', () => {
  it.runIf(onLinux)('that is never ready is given up', async () => {
    const directory = join(work, 'endless');
    await mkdir(directory);
    for (const file of ['config.json', 'tokenizer.json']) {
      await writeFile(join(directory, file), await readFile(join(tiny.folder, 'core', file)));
    }
    execFileSync('mkfifo', [join(directory, 'model.safetensors')]);
    const resources = new Resources();
    const options = { provider: 'cpu', threads: 1, startMilliseconds: 1500 } as const;
    const starting = startModel({ ...tiny.fleet.core, directory }, options, resources);
    await expect(starting).rejects.toThrow('the model server of core was not ready within 1.5 s');
    await resources.stop();
  });
});
