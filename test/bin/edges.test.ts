import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandLine } from '../../bin/command-line.ts';
import { readFleet } from '../../lib/fleet.ts';
import { decodeText } from '../../models/files/read-text.ts';
import { parseRecipe } from '../../models/training/recipe.ts';
import { program, run, slingshot } from '../support/command-line.ts';
import { tinyFleet } from '../support/tiny-fleet.ts';

let tiny: Awaited<ReturnType<typeof tinyFleet>>;
let work: string;
beforeAll(async () => {
  tiny = await tinyFleet();
  work = await mkdtemp(join(tmpdir(), 'slingshot-edges-'));
});
afterAll(async () => {
  await tiny.remove();
  await rm(work, { recursive: true });
});

const write = async (name: string, content: string | Uint8Array) => {
  await writeFile(join(work, name), content);
  return join(work, name);
};
const few = ['--engine', 'direct', '--steps', '3', '--tokens', '5', '--stop-at', '0'];
const generate = (...args: string[]) => ['generate', '--models', tiny.folder, ...few, ...args];

describe('text that comes in', () => {
  const text = 'A queue\nholds messages.';
  const windows = `\uFEFF${text.replaceAll('\n', '\r\n')}`;

  it('is the same whoever wrote the file, from a file, standard input and the command line', async () => {
    const file = await write('windows.txt', windows);
    const alike = [
      slingshot(generate('--json', '--prompt', text)),
      slingshot(generate('--json', '--prompt-file', file)),
      slingshot(generate('--json', '--prompt-file', '-'), { input: windows }),
    ];
    const texts = (await Promise.all(alike)).map(({ stdout }) => JSON.parse(stdout).text);
    expect(texts[0].length).toBeGreaterThan(0);
    expect(texts).toEqual([texts[0], texts[0], texts[0]]);
  });

  it('of a context is the same in each form, and counts', async () => {
    const withContext = async (content: string) => {
      const args = ['--tenant', 'acme', '--weight', '1', '--prompt', 'To', '--context', '-', '--json'];
      return JSON.parse((await slingshot(generate(...args), { input: content })).stdout).text;
    };
    const [plain, other, another] = await Promise.all([withContext(text), withContext(windows), withContext('B')]);
    expect(other).toBe(plain);
    expect(another).not.toBe(plain);
  });

  it.each([
    ['UTF-16', Buffer.from('\uFEFFtext', 'utf16le'), 'is UTF-16 text: save it as UTF-8'],
    ['latin-1', Buffer.from('caf\xe9', 'latin1'), 'is not UTF-8 text'],
    ['binary', Buffer.from([65, 0, 66]), 'is not text: it holds NUL'],
  ])('in %s is refused by name', (_, bytes, message) => {
    expect(() => decodeText(bytes, 'notes.txt')).toThrow(`notes.txt ${message}`);
  });

  it('longer than a command line takes, is taken, and told to be too long for the model', async () => {
    const { code, stderr } = await slingshot(generate('--prompt-file', '-'), { input: 'word '.repeat(60_000) });
    expect(code).toBe(1);
    expect(stderr).toMatch(/InvalidRequest: prompt: is \d+ tokens long; the model takes at most 35 beside a block/);
  });
});

describe('results', () => {
  const command = (redirections: string) => {
    const words = [process.execPath, program, ...generate('--prompt', 'To create', '--json')];
    return ['-c', `${words.map((word) => `'${word}'`).join(' ')} ${redirections}`];
  };

  it.runIf(existsSync('/dev/full'))('that cannot be written end in an error and another code than 0', async () => {
    const full = await run('bash', command('> /dev/full'));
    expect(full).toMatchObject({ code: 1, stderr: expect.stringContaining('could not write the output: ENOSPC') });
    const closed = await run('bash', ['-o', 'pipefail', ...command('| true')]);
    expect(closed).toMatchObject({ code: 1, stderr: expect.stringContaining('could not write the output: ') });
  });

  it.runIf(existsSync('/dev/full'))('come out though nothing can be told beside them', async () => {
    const { code, stdout } = await run('bash', command('2> /dev/full'));
    expect(JSON.parse(stdout).tokens).toBe(5);
    expect(code).toBe(0);
  });

  it('are one JSON object whatever DEBUG asks libraries to say', async () => {
    const args = generate('--prompt', 'To create', '--json', '--engine', 'state-machine');
    const { stdout } = await slingshot(args, { env: { DEBUG: '*' } });
    expect(JSON.parse(stdout).tokens).toBe(5);
  });
});

describe('an example of --help', () => {
  /** A command and those below it. */
  const withSubcommands = (command: Command): Command[] => [command, ...command.commands.flatMap(withSubcommands)];

  /** Each `slingshot ...` line of each help, as words. */
  function examples(): string[][] {
    let help = '';
    for (const command of withSubcommands(commandLine())) {
      command.configureOutput({ writeOut: (text) => (help += text) });
      command.outputHelp();
    }
    return [...help.matchAll(/^ {2}slingshot (.*)$/gm)].map(([, line]) =>
      [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare),
    );
  }

  it('has options, models and recipes that there are', async () => {
    const all = examples();
    expect(all.map(([command]) => command)).toEqual(
      expect.arrayContaining(['generate', 'evaluate', 'train', 'import', 'ngram', 'up', 'tenants', 'keys']),
    );
    const { catalog, models } = await readFleet();
    for (const words of all) {
      const program = commandLine();
      let given: Record<string, unknown> = {};
      for (const command of withSubcommands(program)) {
        command.exitOverride().configureOutput({ writeErr: () => {} });
        command.action((...args) => (given = args.at(-1).optsWithGlobals()));
      }
      await program.parseAsync(words, { from: 'user' });
      expect(given).not.toEqual({});
      const { recipe, core, tenant, model } = given;
      if (recipe) parseRecipe(await readFile(join(import.meta.dirname, '..', '..', `${recipe}`), 'utf8'), `${recipe}`);
      // A command that makes a model takes the folder of the core's.
      const cores = [...Object.keys(catalog.cores), 'models/weights/core'];
      if (core) expect(cores).toContain(core);
      // A command of the service names its customer so, one that generates here a model.
      if (tenant && ['generate', 'evaluate'].includes(words[0])) expect(Object.keys(catalog.tenants)).toContain(tenant);
      if (model) expect(models.map(({ name }) => name)).toContain(model);
    }
  });

  it('runs', async () => {
    const [example = []] = examples().filter(([command]) => command === 'generate');
    const { code, stdout } = await slingshot([...example, ...few]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^To create a queue,./) });
  });

  it('stands in the first help that one sees', async () => {
    const { stdout } = await slingshot(['--help']);
    for (const command of ['generate', 'demo', 'train', 'evaluate', 'experiment']) expect(stdout).toContain(command);
    expect(stdout).toContain('slingshot generate --prompt "To create a queue,"');
  });
});
