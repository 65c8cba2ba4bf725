import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { close, listen } from '../../lib/local/listen.ts';
import { saveModel } from '../../models/checkpoint/model-directory.ts';
import { program, slingshot as runSlingshot } from '../support/command-line.ts';
import { type CommandLineFiles, commandLineFiles } from '../support/command-line-files.ts';
import { autoregressiveConfig, sentences, tinyTokenizer, tinyWeights } from '../support/tiny-fleet.ts';

let files: CommandLineFiles;
let work: string;
beforeAll(async () => {
  files = await commandLineFiles();
  ({ work } = files);
});
afterAll(() => files.remove());

const slingshot = (...args: string[]) => runSlingshot(args);

describe('slingshot evaluate', () => {
  const evaluate = (...args: string[]) =>
    slingshot('evaluate', '--models', files.models, '--data', join(work, 'text.jsonl'), '--model', 'core', ...args);

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
    [['--self-conditioned'], '--self-conditioned: core is no adapter'],
    [['--against', 'tenant'], '--against: core is no adapter'],
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
        ...['evaluate', 'text', '--models', files.models, '--prompts', prompts, '--judge', judge, '--words', '3'],
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
    const wrong = await evaluate('--judge', join(files.models, 'core'));
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('is no autoregressive model') });
    for (const file of ['--out', '--picture']) {
      const late = await evaluate(file, '/nowhere/file', '--judge', '/not/looked/at');
      expect(late).toMatchObject({ code: 1, stderr: expect.stringContaining(`${file}: ENOENT`) });
    }
  });
});

describe('slingshot evaluate samples', () => {
  const row = (prompt: string, text: string, weight?: number) => `${JSON.stringify({ prompt, text, weight })}\n`;
  const paths = () =>
    ['samples-0.jsonl', 'samples-1.jsonl', 'documents.jsonl', 'judge-text.jsonl'].map((name) => join(work, name));
  const measure = async (...more: string[]) => {
    const [copied, own, documents, judgeText] = paths();
    const text = (start: number) => [0, 1, 2, 3].map((i) => sentences[(start + i) % 4]).join(' ');
    await writeFile(documents, sentences.map((_, i) => `${JSON.stringify({ text: text(i) })}\n`).join(''));
    await writeFile(judgeText, sentences.map((_, i) => `${JSON.stringify({ text: text(3 - i) })}\n`).join(''));
    await writeFile(copied, sentences.map((sentence) => row('The queue', ` ${sentence}`)).join(''));
    const words = (i: number) => sentences[i].split(' ').reverse().join(' ');
    await writeFile(own, [0, 1, 2, 3].map((i) => row('The queue', ` ${words(i)}`, i % 2)).join(''));
    return slingshot(
      ...['evaluate', 'samples', '--text', copied, own, '--real', documents, '--training', documents],
      ...['--tokenizer', join(files.models, 'core'), ...more],
    );
  };

  it('sets copies and loose words beside real text, a weight by itself, under either judge', async () => {
    const [, , , judgeText] = paths();
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
    [['--text', program], 'slingshot.js:1: not a JSON object with "prompt" and "text"'],
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
