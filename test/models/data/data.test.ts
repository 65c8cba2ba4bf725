import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTexts } from '../../../models/data/documents.ts';
import { pieceLength, piecesOf } from '../../../models/data/pieces.ts';
import { dataFiles } from '../../../models/data/rows.ts';
import { fingerprint, TokenFile } from '../../../models/data/token-store.ts';
import { tokenizeInMemory, tokenizeToFile } from '../../../models/data/tokenize.ts';
import { Tokenizer } from '../../../models/tokenizer/tokenizer.ts';
import { sentences, tinyTokenizer } from '../../support/tiny-fleet.ts';

const models = join(import.meta.dirname, '..', '..', '..', 'models');

let folder: string;
let tokenizer: Tokenizer;
let tokenizerJson: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slingshot-data-'));
  tokenizerJson = await tinyTokenizer();
  tokenizer = Tokenizer.parse(tokenizerJson);
});
afterAll(() => rm(folder, { recursive: true }));

const file = async (name: string, content: string | Uint8Array) => {
  await writeFile(join(folder, name), content);
  return join(folder, name);
};
const all = async <T>(rows: AsyncIterable<T>) => {
  const result: T[] = [];
  for await (const row of rows) result.push(row);
  return result;
};

describe('texts', () => {
  it('are read from JSON Lines and plain text, plain and gzipped, of a file or a whole folder', async () => {
    const rows = '{"text": "one"}\n\n{"text": "two", "source": "x"}\r\n';
    const jsonl = await file('a.jsonl', rows);
    const zipped = await file('b.jsonl.gz', gzipSync(rows));
    const plain = await file('c.txt', 'three\nfour\n');
    await file('notes.md', 'not data');
    expect(await all(readTexts([jsonl]))).toEqual(['one', 'two']);
    expect(await all(readTexts([zipped]))).toEqual(['one', 'two']);
    expect(await all(readTexts([plain]))).toEqual(['three\nfour']);
    expect(await dataFiles(folder)).toEqual([jsonl, zipped, plain]);
  });

  it('a broken row is an error with file and line, or is reported and left out', async () => {
    const path = await file('broken.jsonl', '{"text": "good"}\n{"text": 5}\n{oops\n{"text": "also good"}\n');
    await expect(all(readTexts([path]))).rejects.toThrow(`${path}:2: not a JSON object with a "text"`);
    const reported: string[] = [];
    const options = { policy: 'skip' as const, onBadRow: (error: Error) => reported.push(error.message) };
    expect(await all(readTexts([path], options))).toEqual(['good', 'also good']);
    expect(reported).toEqual([2, 3].map((line) => `${path}:${line}: not a JSON object with a "text"`));
  });

  it.each([
    ['latin-1', Buffer.from('caf\xe9 au lait\n', 'latin1')],
    ['binary', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3])],
  ])('%s bytes are not text', async (name, bytes) => {
    const path = await file(`${name}.txt`, bytes);
    await expect(all(readTexts([path]))).rejects.toThrow(`${path}:1: not UTF-8 text`);
  });

  it('another language in UTF-8 is text', async () => {
    const path = await file('japanese.jsonl', `${JSON.stringify({ text: 'むかしむかし、あるところに' })}\n`);
    expect(await all(readTexts([path]))).toEqual(['むかしむかし、あるところに']);
  });

  it('lose a byte order mark and carriage returns, whatever wrote the file', async () => {
    const path = await file('windows.jsonl', '\uFEFF{"text": "one"}\r\n\uFEFF{"text": "two"}\r\n');
    await expect(all(readTexts([path]))).rejects.toThrow(`${path}:2: not a JSON object`);
    const plain = await file('windows.txt', '\uFEFFone\r\ntwo\r\n');
    expect(await all(readTexts([plain]))).toEqual(['one\ntwo']);
    const utf16 = await file('utf16.txt', Buffer.from('\uFEFFone', 'utf16le'));
    await expect(all(readTexts([utf16]))).rejects.toThrow(`${utf16}:1: not UTF-8 text`);
  });

  it('a cut gzip file is an error that names it', async () => {
    const bytes = gzipSync('{"text": "one"}\n'.repeat(1000));
    const path = await file('cut.jsonl.gz', bytes.subarray(0, bytes.length - 20));
    await expect(all(readTexts([path]))).rejects.toThrow(/cut\.jsonl\.gz:\d+: unexpected end of file/);
  });

  it('an empty file has no text in it', async () => {
    const path = await file('empty.jsonl', '\n');
    await expect(tokenizeInMemory([path], tokenizer)).rejects.toThrow('no text in it');
    await expect(
      tokenizeToFile([path], 'text', tokenizer, tokenizerJson, join(folder, 'tokens'), 'empty', { policy: 'fail' }),
    ).rejects.toThrow('no text in it');
  });
});

describe('a long document', () => {
  const words = fc.array(fc.oneof(fc.constantFrom('the', 'queue', '42', 'é', '漢字', '😀', '.', "it's"), fc.string()), {
    minLength: 1,
    maxLength: 40,
  });
  const space = fc.constantFrom(' ', '  ', '\n', '\n\n', '\t');
  const longText = fc.tuple(words, space, fc.integer({ min: 200, max: 900 })).map(([some, gap, times]) => {
    return Array.from({ length: times }, () => some.join(gap)).join(' ');
  });

  it('is cut into pieces that are bounded, are the whole, and have the tokens of the whole', async () => {
    await fc.assert(
      fc.asyncProperty(
        longText.filter((text) => text.isWellFormed()),
        async (text) => {
          const pieces = [...piecesOf(text)];
          expect(pieces.join('')).toBe(text);
          for (const piece of pieces) {
            expect(piece.length).toBeLessThanOrEqual(pieceLength);
            expect(piece.isWellFormed()).toBe(true);
          }
          const ids = (await tokenizer.encodeBatch(pieces)).flat();
          expect(await tokenizer.decode(ids)).toBe(text);
          if (/[a-z0-9] [a-z0-9]/.test(text.slice(9000, 15_000))) expect(ids).toEqual(await tokenizer.encode(text));
        },
      ),
      { numRuns: 20 },
    );
  });

  const read = async (path: string, policy: 'fail' | 'skip' = 'fail') => {
    const reported: string[] = [];
    const texts = await all(readTexts([path], { policy, onBadRow: ({ message }) => reported.push(message) }));
    return { texts, reported };
  };
  const long = 'A "long" row,\\ with é, 漢字, 😀 and\ttabs. '.repeat(30_000);

  it('in a JSON row is read in parts as JSON.parse has it, whatever stands around it', async () => {
    const rows = [
      { text: long },
      {
        meta: { text: 'inner', list: [1, { text: 'deep' }] },
        text: `${long}1`,
        'te"xt': long,
        last: [true, null, 1e5],
      },
    ];
    for (const written of [(json: string) => json, escapeAll]) {
      const path = await file('long-rows.jsonl', rows.map((row) => `${written(JSON.stringify(row))}\r\n`).join('\n'));
      const { texts } = await read(path);
      expect(texts.map((text) => text.length)).toEqual(rows.map(({ text }) => text.length));
      expect(texts.every((text, i) => text === rows[i].text)).toBe(true);
    }
  });

  it.each([
    ['is cut off', (json: string) => json.slice(0, -1)],
    ['ends in rubbish', (json: string) => `${json}]`],
    ['has a wrong escape at its end', (json: string) => `${json.slice(0, -2)}\\x"}`],
    ['has no text', (json: string) => json.replace('"text"', '"txt"')],
    ['has two', (json: string) => json.replace('{', '{"text":"first",')],
    ['has its text in a list', (json: string) => `[${json}]`],
    ['has a text that is none', () => JSON.stringify({ text: [long] })],
    ['has a blank one', () => JSON.stringify({ text: ' '.repeat(2_000_000) })],
  ])('a long row that %s is refused by line, or left out whole', async (_, damage) => {
    const bad = damage(JSON.stringify({ text: long }));
    const path = await file('bad-long.jsonl', `{"text": "before"}\n${bad}\n{"text": "after"}\n`);
    await expect(read(path)).rejects.toThrow(`${path}:2: not a JSON object with a "text"`);
    const { texts, reported } = await read(path, 'skip');
    expect(texts).toEqual(['before', 'after']);
    expect(reported).toEqual([`${path}:2: not a JSON object with a "text"`]);
  });

  it('that turns out to be none leaves no token', async () => {
    const rows = (middle: string) => file('taken-back.jsonl', `{"text": "before"}\n${middle}{"text": "after"}\n`);
    const options = { policy: 'skip' as const };
    const whole = await tokenizeInMemory([await rows('')], tokenizer);
    const path = await rows(`${JSON.stringify({ text: long })}]\n`);
    expect((await tokenizeInMemory([path], tokenizer, options)).tokens).toEqual(whole.tokens);
    const stored = await tokenizeToFile([path], 'text', tokenizer, tokenizerJson, join(folder, 'bad'), 'bad', options);
    expect(stored.tokens.slice(0, stored.tokens.length)).toEqual(whole.tokens);
  });

  it('of one line in a plain file, as long as many parts, is one document', async () => {
    const path = await file('book.txt.gz', gzipSync(`\uFEFF\r\n${long}\r\n\r\nThe end.\r\n\r\n`));
    const { texts } = await read(path);
    expect(texts.length).toBe(1);
    expect(texts[0] === `${long}\n\nThe end.`).toBe(true);
  });

  it('takes memory that does not grow with it', async () => {
    // Encoded at once, six times the text would take about a gigabyte more.
    const peak = async (megabytes: number) => {
      const path = await file(
        `row${megabytes}.jsonl.gz`,
        gzipSync(`{"text":"${'a worker reads. '.repeat(65_536 * megabytes)}"}`),
      );
      const script = `
        import { readFileSync } from 'node:fs';
        import { Tokenizer } from ${JSON.stringify(join(models, 'tokenizer', 'tokenizer.ts'))};
        import { tokenizeToFile } from ${JSON.stringify(join(models, 'data', 'tokenize.ts'))};
        const [path, tokenizer, folder] = process.argv.slice(1);
        const json = readFileSync(tokenizer, 'utf8');
        await tokenizeToFile([path], 'text', Tokenizer.parse(json), json, folder, 'row', { policy: 'fail' });
        console.log(process.resourceUsage().maxRSS);`;
      const tokenizerPath = await file('tokenizer.json', tokenizerJson);
      const args = ['--input-type=module', '-e', script, path, tokenizerPath, join(folder, `peak${megabytes}`)];
      return Number((await promisify(execFile)(process.execPath, args)).stdout) / 1024;
    };
    const [small, large] = [await peak(1), await peak(6)];
    expect(large - small).toBeLessThan(250);
  });
});

/** JSON with every character of its strings as an escape, where it can be one. */
function escapeAll(json: string): string {
  return json.replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

describe('a token file', () => {
  it('holds what is tokenized in memory, and is made once', async () => {
    const path = await file(
      'many.jsonl',
      sentences
        .map((text) => `${JSON.stringify({ text })}\n`)
        .join('')
        .repeat(40),
    );
    const store = () =>
      tokenizeToFile([path], 'text', tokenizer, tokenizerJson, join(folder, 'store'), 'train', { policy: 'fail' });
    const [inMemory, onDisk] = [await tokenizeInMemory([path], tokenizer), await store()];
    expect(onDisk.tokens.length).toBe(inMemory.tokens.length);
    expect(fingerprint(onDisk.tokens)).toBe(fingerprint(inMemory.tokens));
    const made = async () => (await stat(join(folder, 'store', 'train.tokens'))).ino;
    const first = await made();
    await store();
    expect(await made()).toBe(first);
    for (const damaged of ['null', '{"key": "', '[]']) {
      await writeFile(join(folder, 'store', 'train.index.json'), damaged);
      expect(fingerprint((await store()).tokens)).toBe(fingerprint(inMemory.tokens));
    }
    await writeFile(path, `${JSON.stringify({ text: 'something else now' })}\n`);
    expect((await store()).tokens.length).toBeLessThan(inMemory.tokens.length);
  });

  it('is sliced like an array', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint16Array({ minLength: 1, maxLength: 60 }),
        fc.nat(70),
        fc.nat(70),
        async (tokens, start, length) => {
          const path = join(folder, 'property.tokens');
          await writeFile(path, new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength));
          const store = new TokenFile(path);
          expect([...store.slice(start, start + length)]).toEqual([...tokens.slice(start, start + length)]);
          store.close();
        },
      ),
    );
  });
});
