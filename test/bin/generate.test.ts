import { cp, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Played } from '../../console/player-page.ts';
import { textOf } from '../../console/run/run.ts';
import { fromRunFile } from '../../console/run/run-file.ts';
import { shownTokens } from '../../console/run/timeline.ts';
import { slingshot as runSlingshot } from '../support/command-line.ts';
import { type CommandLineFiles, commandLineFiles } from '../support/command-line-files.ts';

let files: CommandLineFiles;
let work: string;
beforeAll(async () => {
  files = await commandLineFiles();
  ({ work } = files);
});
afterAll(() => files.remove());

const slingshot = (...args: string[]) => runSlingshot(args);

const generate = (...args: string[]) =>
  slingshot(
    'generate',
    '--models',
    files.models,
    '--steps',
    '6',
    '--stop-at',
    '0.4',
    '--tokens',
    '10',
    '--seed',
    '7',
    ...args,
  );
const prompt = ['--prompt', 'To create a queue,'];

describe('slingshot generate', () => {
  it('--json prints one object, and the same text through either engine', async () => {
    const [direct, machine] = await Promise.all([
      generate(...prompt, '--json', '--engine', 'direct'),
      generate(...prompt, '--json'),
    ]);
    const result = JSON.parse(direct.stdout);
    expect(Object.keys(result)).toEqual(['text', 'tokens', 'blocks', 'steps', 'seconds', 'models', 'seed']);
    expect(result).toMatchObject({ tokens: 10, blocks: 2, steps: 8, models: ['core'], seed: 7 });
    expect({ ...JSON.parse(machine.stdout), seconds: 0 }).toEqual({ ...result, seconds: 0 });
    expect(direct.stderr + machine.stderr).toBe('');
  });

  it('prints prompt and text, shows steps on stderr, and traces each step', async () => {
    const trace = join(work, 'trace.jsonl');
    const { stdout, stderr } = await generate(
      ...[...prompt, '--engine', 'direct', '--tenant', 'acme', '--weight', '0.5', '--trace', trace],
    );
    expect(stdout).toMatch(/^To create a queue,/);
    expect(stderr).toContain('core + tenant:acme, seed 7');
    const lines = (await readFile(trace, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(8);
    expect(lines[0]).toMatchObject({
      ...{ block: 0, step: 0, t: 1, changed: [0, 1, 2, 3, 4] },
      routes: { core: 'slingshot-core', 'tenant:acme': 'slingshot-tenant-acme' },
      tokens: expect.any(Array),
      meanTopProbability: expect.any(Number),
      milliseconds: { core: { model: expect.any(Number) }, reduce: { total: expect.any(Number) } },
    });
  });

  it.each([
    [['--prompt', ''], '--prompt: is empty'],
    [[...prompt, '--tenant', 'nobody'], 'InvalidRequest: tenant: there is no "nobody"; known tenants: acme'],
    [[...prompt, '--tenant', 'acme', '--weight', '1.5'], "'1.5' is invalid. Expected a number from 0 to 1."],
    [[...prompt, '--weight', '0.5'], 'InvalidRequest: weight: needs a tenant'],
    [[...prompt, '--tokens', '0'], 'Expected a whole number of 1 or more.'],
    [[...prompt, '--steps', '0'], 'Expected a whole number of 1 or more.'],
    [[...prompt, '--timeout', '0'], 'Expected a number of seconds above 0, up to 3600.'],
    [[...prompt, '--timeout', '2147484'], 'Expected a number of seconds above 0, up to 3600.'],
    [[...prompt, '--steps', '10001'], '--steps: Too big: expected number to be <=10000'],
    [[...prompt, '--visit', '1001'], '--visit: Too big'],
    [[...prompt, '--stop-at', '1'], '--stop-at: Too big'],
    [[...prompt, '--seed', String(2 ** 53)], 'Expected a whole number from 0 to 2^53 - 1.'],
    [[...prompt, '--tokens', '300'], 'InvalidRequest: tokens: 300 are too many beside'],
    [[...prompt, '--core', 'nobody'], 'core: there is no "nobody"; known cores: core'],
    [[...prompt, '--tenant', 'constructor'], 'tenant: there is no "constructor"; known tenants: acme'],
    [
      [...prompt, '--prompt-file', '/nowhere'],
      "option '--prompt-file <file>' cannot be used with option '--prompt <text>'",
    ],
    [['--prompt-file', '/nowhere'], '--prompt-file: /nowhere cannot be read: ENOENT'],
    [['--prompt-file', '-', '--context', '-'], '--context: standard input is read for --prompt-file already'],
    [['--prompt-file', '/dev/zero'], '--prompt-file: /dev/zero is longer than 1048576 bytes'],
    [[...prompt, '--context', '/nowhere'], '--context: /nowhere cannot be read: ENOENT'],
    [[...prompt, '--trace', '/nowhere/trace'], '--trace: ENOENT'],
    [['--prompt', 'much too long '.repeat(30)], 'InvalidRequest: prompt: is'],
    [[...prompt, '--engine', 'magic'], 'Allowed choices are state-machine, direct.'],
    [[], "give the prompt as '--prompt <text>' or '--prompt-file <file>'"],
  ])('%j fails in a line', async (args, message) => {
    const { code, stdout, stderr } = await generate('--engine', 'direct', ...args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('writes a page that plays the run, of the text that it printed', async () => {
    const page = join(work, 'run.html');
    const { stdout } = await generate(
      ...[...prompt, '--engine', 'direct', '--tenant', 'acme', '--weight', '0.5', '--json', '--watch', page],
    );
    const [, data] = /id="runs">(.*?)<\/script>/s.exec(await readFile(page, 'utf8')) ?? [];
    const { settings, runs } = JSON.parse(data) as Played;
    expect(settings).toMatchObject({ prompt: 'To create a queue,', left: 'core+acme', weight: 0.5, seed: 7 });
    const run = fromRunFile(runs[0]);
    expect(textOf(run)).toBe(JSON.parse(stdout).text);
    const last = shownTokens(run, run.frames.length - 1);
    expect(last.map(({ token }) => token).join('')).toBe(textOf(run));
    expect(last.every(({ frame, position }) => frame.positions?.[position].members['tenant:acme'].length === 5)).toBe(
      true,
    );
  });

  it('without models, or with damaged ones, says which file and how, through either engine', async () => {
    const damaged = join(work, 'damaged');
    await cp(files.models, damaged, { recursive: true });
    await truncate(join(damaged, 'core', 'model.safetensors'), 6000);
    for (const engine of ['direct', 'state-machine']) {
      const run = (models: string) => slingshot('generate', ...prompt, '--models', models, '--engine', engine);
      expect(await run(work)).toMatchObject({ code: 1, stderr: expect.stringContaining('no core model in') });
      const { code, stderr } = await run(damaged);
      expect(code).toBe(1);
      expect(stderr).toMatch(/core\/model.safetensors is damaged: the file is cut off inside tensor/);
      expect(stderr).not.toMatch(/^\s+at /m);
    }
  });
});
