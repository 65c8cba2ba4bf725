import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { loadDiffusionModel } from '../../models/checkpoint/model-directory.ts';
import { trainTokenizer } from '../../models/tokenizer/train-tokenizer.ts';
import { program, slingshot as runSlingshot } from '../support/command-line.ts';
import { type CommandLineFiles, commandLineFiles } from '../support/command-line-files.ts';
import { sentences } from '../support/tiny-fleet.ts';

let files: CommandLineFiles;
let work: string;
beforeAll(async () => {
  files = await commandLineFiles();
  ({ work } = files);
});
afterAll(() => files.remove());

const slingshot = (...args: string[]) => runSlingshot(args);

describe('slingshot train', () => {
  const args = (out: string, ...more: string[]) => {
    const text = join(work, 'text.jsonl');
    const recipe = join(work, 'recipe.yaml');
    return ['train', '--recipe', recipe, '--data', text, '--validation', text, '--out', join(work, out), ...more];
  };

  it('killed with -9 and started again ends with the same model as without', async () => {
    expect(await slingshot(...args('whole'))).toMatchObject({ code: 0 });
    const killed = spawn(process.execPath, [program, ...args('killed')], { stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    for await (const chunk of killed.stdout) {
      output += chunk;
      if (output.includes('step 8 ')) killed.kill('SIGKILL');
    }
    if (killed.exitCode === null && killed.signalCode === null) await once(killed, 'exit');
    expect(killed.signalCode).toBe('SIGKILL');
    expect((await slingshot(...args('killed'))).stdout).toContain('the model is in');
    const [whole, resumed] = await Promise.all(['whole', 'killed'].map((run) => loadDiffusionModel(join(work, run))));
    expect(resumed.weights).toEqual(whole.weights);
  });

  it('stopped by Ctrl-C saves a checkpoint and ends with 130; its folder is its own until then', async () => {
    const long = args('stopped', '--steps', '1000000');
    const stopped = spawn(process.execPath, [program, ...long], { stdio: ['ignore', 'pipe', 'pipe'] });
    onTestFinished(() => void stopped.kill('SIGKILL'));
    const ended = once(stopped, 'exit');
    let output = '';
    let beside: Awaited<ReturnType<typeof slingshot>> | undefined;
    for await (const chunk of stopped.stdout) {
      output += chunk;
      if (!beside && output.includes('step 4 ')) {
        beside = await slingshot(...long);
        stopped.kill('SIGINT');
      }
    }
    expect(beside).toMatchObject({ code: 1, stderr: expect.stringContaining(`in use by process ${stopped.pid}`) });
    expect(await ended).toEqual([130, null]);
    expect(output).toContain('stopped; the checkpoint is in');
    expect((await slingshot(...args('stopped', '--steps', '1'))).stdout).toContain('the model is in');
  });

  it('that finds no room for a checkpoint says so, and keeps the one before', async () => {
    await slingshot(...args('full', '--steps', '4'));
    // A file may have 100 KiB, less than a checkpoint; bash passes the ignored signal on, so that the write fails instead.
    const command = [process.execPath, program, ...args('full')].map((word) => `'${word}'`).join(' ');
    const limited = await new Promise<{ code: number; stderr: string }>((resolve) => {
      execFile('bash', ['-c', `trap '' XFSZ; ulimit -f 100; exec ${command}`], (error, _, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stderr }),
      );
    });
    expect(limited.code).toBe(1);
    expect(limited.stderr).toMatch(/could not write .*full\/checkpoint\.safetensors: EFBIG/);
    expect((await slingshot(...args('full'))).stdout).toContain('the model is in');
    const [whole, resumed] = await Promise.all(['whole', 'full'].map((run) => loadDiffusionModel(join(work, run))));
    expect(resumed.weights.size).toBe(whole.weights.size);
  });

  it('starts from a model of its tokenizer and shape, and from no other', async () => {
    const started = await slingshot(...args('from', '--from', join(files.models, 'core'), '--steps', '1'));
    expect(started.stdout).toContain('the model is in');
    const smaller = await slingshot(...args('other', '--from', join(files.models, 'acme')));
    expect(smaller).toMatchObject({ code: 1, stderr: expect.stringMatching(/has shape .*, the model's is/) });
    const tokenizer = join(work, 'other-tokenizer.json');
    await writeFile(
      tokenizer,
      await trainTokenizer(
        sentences.map((text) => text.toUpperCase()),
        300,
      ),
    );
    const another = await slingshot(...args('other', '--from', join(files.models, 'core'), '--tokenizer', tokenizer));
    expect(another).toMatchObject({ code: 1, stderr: expect.stringContaining('of another tokenizer') });
  });

  it.each([
    [['--recipe', join(import.meta.dirname, '..', 'support', 'training.ts')], 'is not YAML'],
    [['--data', join(import.meta.dirname, '..', 'support')], 'no file in it ends in .jsonl'],
    [['--from', '/nowhere'], 'ENOENT'],
    [['--tokenizer', '/nowhere'], 'ENOENT'],
    [['--steps', 'many'], 'Expected a whole number of 1 or more.'],
    [['--threads', '1000000'], 'Expected a whole number from 1 to 256.'],
    [['--timesteps', '1,0.6'], '--timesteps: two shares that ascend'],
    [['--timesteps', '0.6,2'], 'Expected a number from 0 to 1.'],
    [['--out', '/proc/slingshot'], 'could not make the folder /proc/slingshot'],
  ])('%j fails in a line', async (more, message) => {
    const { code, stderr } = await slingshot(...args('bad', ...more));
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
