import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadBase } from '../../models/checkpoint/base.ts';
import { byteLevelTokenizer, llamaTensors, tinyLlama, writeHuggingFace } from '../support/checkpoints.ts';
import { program } from '../support/command-line.ts';
import { sentences } from '../support/tiny-fleet.ts';

function slingshotImport(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, 'import', ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

describe('slingshot import', () => {
  let work: string;
  let source: string;
  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'slingshot-import-cli-'));
    source = join(work, 'source');
    await writeHuggingFace(source, {
      config: tinyLlama,
      tokenizer: await byteLevelTokenizer(),
      tensors: llamaTensors(),
    });
    await writeFile(join(work, 'corpus.txt'), sentences.join('\n'));
    await writeFile(join(work, 'licence'), 'as you like');
  });
  afterAll(() => rm(work, { recursive: true }));

  it('makes a folder that loads, with the licence given, and says what was changed', async () => {
    const out = join(work, 'cut');
    const { code, stdout, stderr } = await slingshotImport(
      ...[source, '--out', out, '--license', join(work, 'licence')],
      ...['--vocabulary', '280', '--corpora', join(work, 'corpus.txt')],
    );
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/tokens with these, .* % more\.\nOf 300 tokens, 280 were kept/);
    expect((await loadBase(out)).config.vocab_size).toBe(280);
    expect(await readFile(join(out, 'LICENSE'), 'utf8')).toBe('as you like');
  });

  it.each([
    [['nowhere', '--out', 'out'], /nowhere: no such file or folder/],
    [['source', '--out', 'source'], /source holds files already/],
    [['source', '--out', 'out', '--vocabulary', '280'], /--vocabulary and --corpora go together/],
    [['source', '--out', 'out', '--vocabulary', '200', '--corpora', 'corpus.txt'], /--vocabulary 200 is too small/],
    [['source', '--out', 'out', '--license', 'nowhere'], /--license .*nowhere: no such file/],
  ])('%j is an error of one line, and nothing is written', async (args, says) => {
    const before = await readdir(work);
    const paths = args.map((arg) => (/^[a-z]/.test(arg) ? join(work, arg) : arg));
    const { code, stderr } = await slingshotImport(...paths);
    expect(code).toBe(1);
    expect(stderr.trimEnd()).not.toContain('\n');
    expect(stderr).toMatch(says);
    expect(await readdir(work)).toEqual(before);
    expect(existsSync(join(work, 'out'))).toBe(false);
  });
});
