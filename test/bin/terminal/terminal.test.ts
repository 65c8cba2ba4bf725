import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { viewFor } from '../../../bin/terminal/block-view.ts';
import { colouredBlock } from '../../../bin/terminal/mover-colours.ts';
import { OutputFile } from '../../../bin/terminal/output-file.ts';
import { printable, shown } from '../../../bin/terminal/printable.ts';
import { report } from '../../../bin/terminal/report.ts';
import { SettledText } from '../../../bin/terminal/settled-text.ts';
import type { StepMessage } from '../../../functions/contracts/generation.ts';
import { Tokenizer } from '../../../models/tokenizer/tokenizer.ts';
import { tinyTokenizer } from '../../support/tiny-fleet.ts';

describe('text on a terminal', () => {
  it('commands nothing: what would is seen', () => {
    expect(printable('\u001b[2J\u0007a\rb\u007f\u009b31m\u202e\ttab\n')).toBe('␛[2J␇a␍b␡<U+009B>31m<U+202E>\ttab\n');
  });

  it('of any kind holds no control character but line breaks and tabs', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (some) => {
        expect(printable(some)).not.toMatch(/(?![\n\t])[\p{Cc}\p{Bidi_Control}]/u);
      }),
      { numRuns: 50 },
    );
  });

  it('is left as it is for files and pipes', () => {
    const stream = (isTTY: boolean) => ({ isTTY }) as NodeJS.WriteStream;
    expect(shown('\u001b[2J', stream(false))).toBe('\u001b[2J');
    expect(shown('\u001b[2J', stream(true))).toBe('␛[2J');
  });
});

describe('the view of a generation', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = Tokenizer.parse(await tinyTokenizer());
  });
  afterEach(() => vi.unstubAllEnvs());

  async function output(isTTY: boolean, term: string): Promise<string> {
    vi.stubEnv('TERM', term);
    const stream = Object.assign(new PassThrough(), { isTTY, columns: 80, rows: 24 });
    const view = viewFor(
      stream as unknown as NodeJS.WriteStream,
      tokenizer,
      { prompt: 'To', steps: 1, stopAt: 0 },
      true,
    );
    const tokens = await tokenizer.encode('a\u001b[2Jb');
    view.step({
      ...{ block: 0, step: 0, t: 1, tokens, confidence: 1, entropy: 0, changed: [], probabilities: [], done: false },
      ...{ lane: 0, routes: {}, milliseconds: {} },
    });
    await view.finish();
    stream.end();
    return text(stream);
  }

  it('moves the cursor of a terminal that can, and passes no command of the text on', async () => {
    const written = await output(true, 'xterm-256color');
    expect(written).toContain('\u001b[');
    expect(written).toContain('a␛[2Jb');
    expect(written).not.toContain('\u001b[2J');
  });

  it('is lines alone on a dumb terminal and elsewhere', async () => {
    expect(await output(true, 'dumb')).toBe('block 1  t = 1.00  a␛[2Jb\n');
    expect(await output(false, 'xterm-256color')).toBe('block 1  t = 1.00  a\u001b[2Jb\n');
  });
});

describe('who moved a word', () => {
  const position = (mover: string) => ({ mover, logProbability: -1, merged: [], members: {} });
  const endpoint = (name: string) => ({ endpoint: name });
  const step = (
    tokens: readonly number[],
    movers: readonly string[],
    changed: readonly number[] = [],
  ): StepMessage => ({
    ...{ lane: 0, block: 0, step: 3, t: 1, tokens, changed, probabilities: [], done: changed.length === 0 },
    ...{ confidence: 1, entropy: 0, milliseconds: {}, positions: movers.map(position) },
    routes: { core: endpoint('core'), 'tenant:acme': endpoint('acme') },
  });
  const terminal = Object.assign(new PassThrough(), {
    ...{ isTTY: true, hasColors: () => true, getColorDepth: () => 8 },
  }) as unknown as NodeJS.WriteStream;

  it('is seen by its colour, once it stays', () => {
    const pieces = ['a', ' b', ' c\u001b[2J'];
    const message = step([1, 2, 3], ['core', 'tenant:acme', 'tenant:acme'], [2]);
    expect(colouredBlock(pieces, message, { stream: terminal })).toBe(
      'a\u001b[33m b\u001b[39m\u001b[90m c␛[2J\u001b[39m',
    );
    const specialist = { ...step([1], ['core']), routes: { core: endpoint('specialist-high') } };
    expect(colouredBlock(['a'], specialist, { stream: terminal })).toBe('\u001b[36ma\u001b[39m');
  });

  it('is told of the finished text, unless tokens by themselves do not make it up', async () => {
    const tokenizer = Tokenizer.parse(await tinyTokenizer());
    const ids = await tokenizer.encode('a queue');
    const settled = new SettledText();
    settled.step(
      step(
        ids,
        ids.map(() => 'tenant:acme'),
      ),
    );
    const coloured = await settled.coloured({ text: 'a queue', tokens: ids.length }, tokenizer, terminal);
    expect(stripVTControlCharacters(coloured ?? '')).toBe('a queue');
    expect(coloured).toContain('\u001b[33m');
    expect(await settled.coloured({ text: 'a quéue', tokens: ids.length }, tokenizer, terminal)).toBeUndefined();
  });
});

describe('an output file', () => {
  it('is there before there is something to write, and then what was in it is not', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'slingshot-output-'));
    const path = join(folder, 'out');
    await writeFile(path, 'something of before, and longer');
    const file = await OutputFile.open('--out', path);
    expect(await readFile(path, 'utf8')).toContain('before');
    await file.write('one\n');
    await file.write('two\n');
    await file.close();
    expect(await readFile(path, 'utf8')).toBe('one\ntwo\n');
    await expect(OutputFile.open('--out', join(folder, 'no', 'file'))).rejects.toThrow('--out: ENOENT');
    await rm(folder, { recursive: true });
  });
});

describe('an error', () => {
  it('is told in a line that commands nothing, of a schema by its first issue', () => {
    const lines: string[] = [];
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
    const code = process.exitCode;
    report(new Error('bad \u001b[2J name\n    at secret'));
    report(z.object({ step: z.int() }).safeParse({ step: 'x' }).error);
    write.mockRestore();
    process.exitCode = code;
    expect(lines).toEqual([
      'slingshot: bad ␛[2J name\n',
      'slingshot: step: Invalid input: expected number, received string\n',
    ]);
  });
});
