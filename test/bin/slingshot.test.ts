import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { close, listen } from '../../lib/local/listen.ts';
import { loadModel, saveModel } from '../../models/checkpoint/model-directory.ts';
import { trainTokenizer } from '../../models/tokenizer/train-tokenizer.ts';
import { program, slingshot as runSlingshot } from '../support/command-line.ts';
import { autoregressiveConfig, sentences, tinyFleet, tinyTokenizer, tinyWeights } from '../support/tiny-fleet.ts';
import { tinyRecipeJson } from '../support/training.ts';

let tiny: Awaited<ReturnType<typeof tinyFleet>>;
let work: string;
beforeAll(async () => {
  tiny = await tinyFleet();
  work = await mkdtemp(join(tmpdir(), 'slingshot-cli-'));
  await writeFile(join(work, 'text.jsonl'), `${JSON.stringify({ text: sentences.join(' ').repeat(12) })}\n`.repeat(2));
  await writeFile(join(work, 'recipe.yaml'), tinyRecipeJson());
});
afterAll(async () => {
  await tiny.remove();
  await rm(work, { recursive: true });
});

const slingshot = (...args: string[]) => runSlingshot(args);

const generate = (...args: string[]) =>
  slingshot(
    'generate',
    '--models',
    tiny.folder,
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

  it('without models, or with damaged ones, says which file and how, through either engine', async () => {
    const damaged = join(work, 'damaged');
    await cp(tiny.folder, damaged, { recursive: true });
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

describe('slingshot evaluate', () => {
  const evaluate = (...args: string[]) =>
    slingshot('evaluate', '--models', tiny.folder, '--data', join(work, 'text.jsonl'), '--model', 'core', ...args);

  it('gives the cross-entropy of each weight by fifth of t, the same every time', async () => {
    const args = ['--tenant', 'acme', '--weights', '0,0.5,1', '--json'];
    const [first, again, alone, tenant] = await Promise.all([
      evaluate(...args),
      evaluate(...args),
      evaluate('--json'),
      evaluate('--model', 'acme', '--json'),
    ]);
    expect(again.stdout).toBe(first.stdout);
    const { evaluations, tokens } = JSON.parse(first.stdout);
    expect(tokens).toBeGreaterThan(100);
    expect(evaluations).toMatchObject([{ weight: 0 }, { weight: 0.5 }, { weight: 1 }]);
    for (const { byRange, overall } of evaluations) {
      expect(byRange).toHaveLength(5);
      const means = byRange.map(({ mean }: { mean: number }) => mean);
      expect(overall.mean).toBeGreaterThan(Math.min(...means));
      expect(overall.mean).toBeLessThan(Math.max(...means));
      expect(overall.margin).toBeGreaterThan(0);
    }
    expect(JSON.parse(alone.stdout).evaluations[0].overall).toEqual(evaluations[0].overall);
    expect(JSON.parse(tenant.stdout).evaluations[0].overall.mean).toBeCloseTo(evaluations[2].overall.mean, 4);
  });

  it('prints a table with intervals, and draws a picture', async () => {
    const picture = join(work, 'loss.svg');
    const { stdout } = await evaluate('--picture', picture);
    expect(stdout).toMatch(/\| weight \| +t 0\.0-0\.2 \|.*\n.*\n\| 0\.00 {3}\| +\d\.\d{3} ± \d\.\d{3} \|/);
    expect(await readFile(picture, 'utf8')).toMatch(/^<svg .*nats a token/s);
  });

  it.each([
    [['--model', 'nobody'], 'no model in'],
    [['--data', '/nowhere'], '/nowhere: no such file or folder'],
    [['--data', program], 'expected a file that ends in .jsonl, .txt, .jsonl.gz, .txt.gz'],
    [['--weights', '0,2'], 'Expected a number from 0 to 1.'],
    [['--picture', '/nowhere/loss.svg', '--data', '/not/looked/at'], '--picture: ENOENT'],
  ])('%j fails in a line', async (args, message) => {
    const { code, stderr } = await evaluate(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe('slingshot evaluate text', () => {
  it('measures what is generated, writes it down, and takes the judge by its folder', async () => {
    const judge = join(work, 'judge');
    await saveModel(judge, autoregressiveConfig, await tinyTokenizer(), tinyWeights(autoregressiveConfig, 3));
    const [out, prompts] = [join(work, 'samples.jsonl'), join(work, 'prompts.jsonl')];
    await writeFile(prompts, sentences.map((text) => `${JSON.stringify({ text })}\n`).join(''));
    const evaluate = (...more: string[]) =>
      slingshot(
        ...['evaluate', 'text', '--models', tiny.folder, '--prompts', prompts, '--judge', judge, '--words', '3'],
        ...['--count', '3', '--samples', '2', '--tokens', '5', '--steps', '3', ...more],
      );
    const { stdout } = await evaluate('--json', '--out', out, '--tenant', 'acme', '--weights', '0,1');
    const { results } = JSON.parse(stdout);
    expect(results).toMatchObject([{ weight: 0 }, { weight: 1 }]);
    for (const { metrics } of results) {
      expect(metrics.perplexity).toBeGreaterThan(metrics.interval[0]);
      expect(metrics.perplexity).toBeLessThan(metrics.interval[1]);
    }
    expect((await readFile(out, 'utf8')).trim().split('\n')).toHaveLength(12);
    expect((await evaluate()).stdout).toMatch(/\| core \| +\d/);
    const wrong = await evaluate('--judge', join(tiny.folder, 'core'));
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('is no autoregressive model') });
    for (const file of ['--out', '--picture']) {
      const late = await evaluate(file, '/nowhere/file', '--judge', '/not/looked/at');
      expect(late).toMatchObject({ code: 1, stderr: expect.stringContaining(`${file}: ENOENT`) });
    }
  });
});

describe('slingshot evaluate samples', () => {
  const row = (prompt: string, text: string, weight?: number) => `${JSON.stringify({ prompt, text, weight })}\n`;
  const files = () =>
    ['samples-0.jsonl', 'samples-1.jsonl', 'documents.jsonl', 'judge-text.jsonl'].map((name) => join(work, name));
  const measure = async (...more: string[]) => {
    const [copied, own, documents, judgeText] = files();
    const text = (start: number) => [0, 1, 2, 3].map((i) => sentences[(start + i) % 4]).join(' ');
    await writeFile(documents, sentences.map((_, i) => `${JSON.stringify({ text: text(i) })}\n`).join(''));
    await writeFile(judgeText, sentences.map((_, i) => `${JSON.stringify({ text: text(3 - i) })}\n`).join(''));
    await writeFile(copied, sentences.map((sentence) => row('The queue', ` ${sentence}`)).join(''));
    const words = (i: number) => sentences[i].split(' ').reverse().join(' ');
    await writeFile(own, [0, 1, 2, 3].map((i) => row('The queue', ` ${words(i)}`, i % 2)).join(''));
    return slingshot(
      ...['evaluate', 'samples', '--text', copied, own, '--real', documents, '--training', documents],
      ...['--tokenizer', join(tiny.folder, 'core'), ...more],
    );
  };

  it('sets copies and loose words beside real text, a weight by itself, under either judge', async () => {
    const [, , , judgeText] = files();
    const { stdout, stderr } = await measure('--judge-text', judgeText, '--json');
    expect(stderr).toBe('');
    const { judge, results } = JSON.parse(stdout);
    expect(judge).toBe(`5-gram of 4 documents of ${judgeText}`);
    const names = ['real text', 'samples-0.jsonl', 'samples-1.jsonl, weight 0', 'samples-1.jsonl, weight 1'];
    expect(results.map(({ name }: { name: string }) => name)).toEqual(names);
    const [real, copied, loose] = results;
    expect(copied.knownTrigrams.value).toBe(1);
    // With the space before it.
    expect(copied.longestCopy.most).toBe(1 + Math.max(...sentences.map(({ length }) => length)));
    expect(loose.natsPerCharacter.value).toBeGreaterThan(2 * real.natsPerCharacter.value);
    expect(loose.knownTrigrams.value).toBeLessThan(0.1);

    const model = join(work, 'samples-judge');
    await saveModel(model, autoregressiveConfig, await tinyTokenizer(), tinyWeights(autoregressiveConfig, 3));
    const table = await measure('--judge', model);
    expect(table.stdout).toMatch(/judge: .*samples-judge; real text in stretches of \d+ words after 2;/);
    expect(table.stdout).toMatch(/\| real text +\| +\d+ \| +\d+\.\d \| \d\.\d{3} \(\d\.\d{3} to \d\.\d{3}\) \|/);
  });

  it.each([
    [[], 'who is to judge? Give --judge-text PATHS or --judge FOLDER'],
    [
      ['--judge', 'a', '--judge-text', 'b'],
      "option '--judge-text <paths...>' cannot be used with option '--judge <folder>'",
    ],
    [['--judge', 'nowhere'], 'no model in nowhere'],
    [['--judge-text', '/nowhere'], '/nowhere: no such file or folder'],
    [['--text', program], 'slingshot.ts:1: not a JSON object with "prompt" and "text"'],
  ])('%j fails in a line', async (args, message) => {
    const { code, stderr } = await measure(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe('slingshot evaluate judge', () => {
  it('compares what two models answered, by a chat-completions service', async () => {
    const server = createServer((request, response) => {
      request.resume();
      response.end(JSON.stringify({ choices: [{ message: { content: '[[A]]' } }] }));
    });
    const url = await listen(server);
    const answers = (text: string) => sentences.map((prompt) => `${JSON.stringify({ prompt, text })}\n`).join('');
    const [a, b] = [join(work, 'a.jsonl'), join(work, 'b.jsonl')];
    await writeFile(a, answers('one'));
    await writeFile(b, answers('two'));
    const judge = (...more: string[]) =>
      slingshot('evaluate', 'judge', '--a', a, '--b', b, '--url', `${url}/v1`, '--judge-model', 'any', ...more);
    const { stdout } = await judge();
    expect(stdout).toContain('A won 0, B won 0, 4 ties of 4 pairs');
    expect(stdout).toContain('4 pairs were judged otherwise in the other order');
    expect(JSON.parse((await judge('--json')).stdout)).toMatchObject({ winRate: 0.5, inconsistent: 4 });
    // As an editor on Windows leaves it.
    await writeFile(b, `\uFEFF${answers('two').replaceAll('\n', '\r\n\r\n')}`);
    expect(JSON.parse((await judge('--json')).stdout)).toMatchObject({ winRate: 0.5, inconsistent: 4 });
    await writeFile(b, '\n\n{"prompt": "x"}\n');
    expect((await judge()).stderr).toContain(`${b}:3: not a JSON object with "prompt" and "text"`);
    expect((await judge('--url', 'not a url')).stderr).toContain('Expected an address that begins with http');
    await writeFile(b, answers('two').split('\n').slice(1).join('\n'));
    expect(await judge()).toMatchObject({ code: 1, stderr: expect.stringContaining('must answer the same prompts') });
    await close(server);
  });
});

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
    const [whole, resumed] = await Promise.all(['whole', 'killed'].map((run) => loadModel(join(work, run))));
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
    const [whole, resumed] = await Promise.all(['whole', 'full'].map((run) => loadModel(join(work, run))));
    expect(resumed.weights.size).toBe(whole.weights.size);
  });

  it('starts from a model of its tokenizer and shape, and from no other', async () => {
    const started = await slingshot(...args('from', '--from', join(tiny.folder, 'core'), '--steps', '1'));
    expect(started.stdout).toContain('the model is in');
    const smaller = await slingshot(...args('other', '--from', join(tiny.folder, 'acme')));
    expect(smaller).toMatchObject({ code: 1, stderr: expect.stringMatching(/has shape .*, the model's is/) });
    const tokenizer = join(work, 'other-tokenizer.json');
    await writeFile(
      tokenizer,
      await trainTokenizer(
        sentences.map((text) => text.toUpperCase()),
        300,
      ),
    );
    const another = await slingshot(...args('other', '--from', join(tiny.folder, 'core'), '--tokenizer', tokenizer));
    expect(another).toMatchObject({ code: 1, stderr: expect.stringContaining('of another tokenizer') });
  });

  it.each([
    [['--recipe', join(import.meta.dirname, '..', 'support', 'training.ts')], 'is not YAML'],
    [['--data', join(import.meta.dirname, '..', 'support')], 'no file in it ends in .jsonl'],
    [['--from', '/nowhere'], 'ENOENT'],
    [['--tokenizer', '/nowhere'], 'ENOENT'],
    [['--steps', 'many'], 'Expected a whole number of 1 or more.'],
    [['--threads', '1000000'], 'Expected a whole number from 1 to 256.'],
    [['--out', '/proc/slingshot'], 'could not make the folder /proc/slingshot'],
  ])('%j fails in a line', async (more, message) => {
    const { code, stderr } = await slingshot(...args('bad', ...more));
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
