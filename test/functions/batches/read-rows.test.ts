import '../../support/property-seed.ts';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchLimits, type NormalRow, type RowProblem } from '../../../functions/contracts/batch/row.ts';
import { readRows } from '../../../functions/validate-batch/read-rows.ts';

const defaults = { body: { model: 'core' } };

/** Read from chunks of a size, as a network has them. */
async function read(
  bytes: Buffer | string,
  { size = 7, endpoint }: { size?: number; endpoint?: '/v1/completions' } = {},
) {
  const whole = Buffer.from(bytes);
  async function* chunks() {
    for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
  }
  const rows: (NormalRow | RowProblem)[] = [];
  for await (const row of readRows(chunks(), { ...defaults, endpoint })) rows.push(row);
  return rows;
}

const codes = (rows: readonly (NormalRow | RowProblem)[]) => rows.map((row) => ('code' in row ? row.code : row.id));
const plain = (id: string) => JSON.stringify({ id, prompt: 'To create a queue' });
const openAi = (id: string, changes: object = {}, body: object = {}) =>
  JSON.stringify({
    ...{ custom_id: id, method: 'POST', url: '/v1/completions' },
    ...{ body: { model: 'core', prompt: 'a', ...body }, ...changes },
  });

describe('rows of a file', () => {
  test('rows of both forms have numbers, lines and ids', async () => {
    const rows = await read(`${openAi('one')}\n${plain('two')}\n{"prompt":"a"}\n`);
    expect(rows.map((row) => 'row' in row && [row.row, row.line, row.id, row.form])).toEqual([
      [0, 1, 'one', '/v1/completions'],
      [1, 2, 'two', 'plain'],
      [2, 3, 'line-3', 'plain'],
    ]);
    expect(rows[2]).toMatchObject({ body: { model: 'core', prompt: 'a' } });
  });

  test('each fault has its own code, and its line', async () => {
    const long = 'a'.repeat(batchLimits.lineBytes + 1);
    const lines: (string | Buffer)[] = [
      ...[plain('a'), '', '{', '[]', 'null', plain('a'), JSON.stringify({ id: 'b' }), Buffer.from([0x7b, 0xff])],
      ...[long, openAi('c', { method: 'GET' }), openAi('d', { url: '/v1/embeddings' }), openAi('e', { body: 3 })],
      ...[
        openAi('f', {}, { best_of: 2 }),
        openAi('g', {}, { stream: true }),
        openAi('', {}),
        openAi('h', {}, { n: 0 }),
      ],
      ...[JSON.stringify({ prompt: 'a', max_tokns: 3 }), plain('z')],
    ];
    const rows = await read(Buffer.concat(lines.map((line) => Buffer.concat([Buffer.from(line), Buffer.from('\n')]))), {
      size: 65_536,
    });
    expect(codes(rows)).toEqual([
      ...['a', 'blank_line', 'not_json', 'not_an_object', 'not_an_object', 'duplicate_custom_id', 'invalid_request'],
      ...['not_utf8', 'row_too_long', 'invalid_method', 'invalid_url', 'missing_body', 'unsupported_field'],
      ...['unsupported_field', 'invalid_custom_id', 'invalid_request', 'invalid_request', 'z'],
    ]);
    expect(rows.map(({ line }) => line)).toEqual(lines.map((_, i) => i + 1));
  });

  test('a batch for one address has no rows for another', async () => {
    const rows = await read(openAi('a', { url: '/v1/chat/completions' }), { endpoint: '/v1/completions' });
    expect(rows).toMatchObject([{ code: 'invalid_url', message: 'url: must be /v1/completions' }]);
  });

  test('line ends of both kinds, a byte order mark, blank lines and no line end at the end change nothing', async () => {
    expect(codes(await read(`\ufeff${plain('a')}\r\n${plain('b')}\n${plain('c')}`))).toEqual(['a', 'b', 'c']);
    expect(codes(await read(`${plain('a')}\n\n  \n`))).toEqual(['a']);
  });

  test('files that are none are refused as a whole, each by its own code', async () => {
    const utf16 = Buffer.from(plain('a'), 'utf16le');
    const packed = gzipSync(Array.from({ length: 500 }, (_, i) => plain(String(i))).join('\n'));
    const bomb = gzipSync(Buffer.alloc(2 * batchLimits.unpackedFirstBytes, 32));
    const refusal = (bytes: Buffer | string, size = 65_536) => read(bytes, { size }).catch(({ code }) => code);
    expect(await refusal('')).toBe('empty_file');
    expect(await refusal('\n\n')).toBe('empty_file');
    expect(await refusal(gzipSync(''))).toBe('empty_file');
    expect(await refusal(utf16)).toBe('not_utf8_file');
    expect(await refusal(Buffer.concat([Buffer.from([0xff, 0xfe]), utf16]))).toBe('not_utf8_file');
    expect(await refusal(gzipSync(utf16))).toBe('not_utf8_file');
    expect(await refusal(packed.subarray(0, -20))).toBe('damaged_gzip');
    expect(await refusal(bomb)).toBe('too_much_inside');
  });

  test('whatever the chunks, plain or packed, the rows are the same', async () => {
    const line = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      fc.string({ unit: 'grapheme' }).map((id) => Buffer.from(plain(id))),
      fc.constantFrom('', '\r', ' ', plain('same'), openAi('same')).map((text) => Buffer.from(text)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 30 }),
        async (lines, size) => {
          const bytes = Buffer.concat([
            Buffer.from(`${plain('first')}\n`),
            ...lines.flatMap((l) => [l, Buffer.from('\n')]),
          ]);
          const whole = await read(bytes, { size: bytes.length });
          expect(await read(bytes, { size })).toEqual(whole);
          expect(await read(gzipSync(bytes), { size })).toEqual(whole);
          const good = whole.filter((row) => 'row' in row);
          expect(good.map(({ row }) => row)).toEqual(good.map((_, i) => i));
          expect(new Set(good.map(({ id }) => id)).size).toBe(good.length);
          // Every line but the blank ones at the end is there, once.
          expect(whole.map((row) => row.line)).toEqual(whole.map((_, i) => i + 1));
        },
      ),
      { numRuns: 60 },
    );
  });
});
