import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batchProgress, lineOf } from '../../bin/terminal/batch-progress.ts';
import type { ApiBatch } from '../../functions/contracts/api/batches.ts';
import { slingshot } from '../support/command-line.ts';
import { type TinyService, tinyService } from '../support/service.ts';

describe('the bar of a batch', () => {
  const counts = (completed: number, failed: number) => ({ request_counts: { total: 1000, completed, failed } });

  test('has rows done and failed, tokens a second and the time that is left', () => {
    const line = lineOf({ status: 'in_progress', ...counts(490, 10) }, { tokens: 412.4, rows: 2 });
    expect(line).toBe(`${'█'.repeat(12)}${'░'.repeat(12)} 500 of 1000 rows, 10 failed, 412 tokens/s, 5 min left`);
  });

  test('says nothing of speed before there is any, and names what is no running', () => {
    expect(
      lineOf({ status: 'validating', request_counts: { total: 0, completed: 0, failed: 0 } }, { tokens: 0, rows: 0 }),
    ).toBe('validating');
    expect(lineOf({ status: 'completed', ...counts(1000, 0) }, { tokens: 0, rows: 0 })).toMatch(
      / 1000 of 1000 rows, completed$/,
    );
  });
});

test('a batch that is shown to no terminal has a line a status, and one every half minute', () => {
  const written: string[] = [];
  const stream = { isTTY: false, write: (line: string) => written.push(line) } as unknown as NodeJS.WriteStream;
  let seconds = 0;
  const progress = batchProgress(stream, () => 1000 * seconds);
  const show = (status: ApiBatch['status'], completed: number) =>
    progress.show({
      status,
      request_counts: { total: 100, completed, failed: 0 },
      slingshot: { tokens: 0 },
    } as ApiBatch);
  for (; seconds < 70; seconds++) show('in_progress', seconds);
  show('completed', 100);
  progress.end();
  const rows = written.map((line) => /\d+ of 100 rows/.exec(line)?.[0]);
  expect(rows).toEqual(['0 of 100 rows', '30 of 100 rows', '60 of 100 rows', '100 of 100 rows']);
});

describe('slingshot batch', () => {
  let folder: string;
  let service: TinyService;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slingshot-batch-'));
    service = await tinyService({ endpointTimeoutMilliseconds: 10_000 });
  });
  afterAll(async () => {
    await service.stop();
    await rm(folder, { recursive: true });
  });

  test('sends a file to a service, waits for it, and writes what it gave', async () => {
    const [rows, out] = [join(folder, 'rows.jsonl'), join(folder, 'out.jsonl')];
    await writeFile(rows, '{"id":"a","prompt":"To create a queue"}\n{"id":"b"}\n');
    const remote = ['--remote', service.url, '--key', service.keys.acme];
    const { code, stdout, stderr } = await slingshot([
      'batch',
      rows,
      '--out',
      out,
      '--tokens',
      '6',
      '--json',
      ...remote,
    ]);
    expect(stderr).toContain('2 of 2 rows, 1 failed');
    expect(code).toBe(0);
    const { id, request_counts } = JSON.parse(stdout);
    expect(request_counts).toEqual({ total: 2, completed: 1, failed: 1 });
    const status = await slingshot(['batch', 'status', id, ...remote]);
    expect(status.stdout).toContain(`${id}: completed, 1 of 2 rows, 1 failed`);
    const again = await slingshot(['batch', 'results', id, '--out', join(folder, 'again.jsonl'), ...remote]);
    expect(again.stdout).toContain('again.errors.jsonl');
  });

  test('refuses before it starts what cannot be done', async () => {
    const missing = await slingshot(['batch', join(folder, 'none.jsonl'), '--out', join(folder, 'x')]);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('none.jsonl') });
    const rows = join(folder, 'rows.jsonl');
    expect((await slingshot(['batch', rows])).stderr).toContain('--out: say where the results go');
    expect((await slingshot(['batch', rows, '--window', '3 weeks', '--out', 'x'])).stderr).toContain(
      'such as 90m, 24h or 13d',
    );
    expect((await slingshot(['batch', rows, '--dry-run', '--remote', service.url])).stderr).toContain(
      '--remote: needs a key',
    );
  });
});
