import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  RedriveExecutionCommand,
  SFNClient,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batchKey } from '../../functions/contracts/batch/record.ts';
import { tenantPartition } from '../../lib/administration/administration.ts';
import { type TinyService, tinyService } from '../support/service.ts';

let service: TinyService;
let client: OpenAI;
beforeAll(async () => {
  service = await tinyService({ endpointTimeoutMilliseconds: 10_000 });
  client = new OpenAI({ baseURL: `${service.url}/v1`, apiKey: service.keys.acme, maxRetries: 0 });
});
afterAll(() => service.stop());

const slingshot = { steps: 4 };
const completion = (id: string, body: object = {}) => ({
  ...{ custom_id: id, method: 'POST', url: '/v1/completions' },
  body: { model: 'core', prompt: `To create ${id}`, max_tokens: 7, slingshot, ...body },
});
const plain = (id: string, body: object = {}) => ({ id, prompt: `To route ${id}`, max_tokens: 7, slingshot, ...body });
const text = (rows: readonly unknown[]) =>
  rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n');

async function start(rows: string | Uint8Array, options: object = {}) {
  const file = await client.files.create({ file: await toFile(Buffer.from(rows as string), 'rows'), purpose: 'batch' });
  const request = { input_file_id: file.id, endpoint: '/v1/completions' as const, completion_window: '24h' as const };
  return client.batches.create({ ...request, ...options });
}

// biome-ignore lint/suspicious/noExplicitAny: the client knows none of Slingshot's own members
type Ended = OpenAI.Batch & { readonly slingshot: any };

async function ended(id: string): Promise<Ended> {
  for (;;) {
    const batch = await client.batches.retrieve(id);
    if (['completed', 'failed', 'cancelled', 'expired'].includes(batch.status)) return batch as Ended;
    await sleep(50);
  }
}

const run = async (rows: string | Uint8Array, options?: object) => ended((await start(rows, options)).id);

async function linesOf(id: string | null | undefined) {
  if (!id) return [];
  const content = await (await client.files.content(id)).text();
  return content
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const stepFunctions = () => new SFNClient({ disableHostPrefix: true });

async function stopRun(id: string, run: number): Promise<string> {
  const machine = service.cloud.environment.SLINGSHOT_BATCH_ARN;
  const executionArn = `${machine.replace(':stateMachine:', ':execution:')}:${id}-${run}`;
  await stepFunctions().send(new StopExecutionCommand({ executionArn }));
  return executionArn;
}

async function resume(id: string, body: object = {}) {
  const { status } = await service.json(`/v1/batches/${id}/resume`, { body });
  expect(status).toBe(200);
  return ended(id);
}

describe('a batch', () => {
  test('gives each row the text that it has alone, in the order of the file', async () => {
    // Of unequal lengths, and of settings that do not go side by side.
    const of = (i: number) => ({
      ...{ seed: i, max_tokens: 3 + (i % 9), prompt: `To ${'create '.repeat(1 + (i % 5))}${i}` },
      ...(i % 6 === 5 ? { model: 'core+acme', temperature: 0, n: 2 } : {}),
      ...(i % 4 === 1 ? { stop: ['e', 'a'] } : {}),
    });
    const ids = Array.from({ length: 20 }, (_, i) => `row-${i}`);
    const batch = await run(text(ids.map((id, i) => completion(id, of(i)))));
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 20, completed: 20, failed: 0 } });
    const lines = await linesOf(batch.output_file_id);
    expect(lines.map(({ custom_id }) => custom_id)).toEqual(ids);
    for (const i of [0, 1, 5, 9, 17]) {
      const { response } = lines[i];
      const request = { model: 'core', ...of(i), slingshot } as OpenAI.CompletionCreateParamsNonStreaming;
      const alone = await client.completions.create(request);
      expect(response.status_code).toBe(200);
      expect(response.body).toMatchObject({ object: 'text_completion', choices: alone.choices, usage: alone.usage });
    }
  });

  test('answers conversations, and takes gzip', async () => {
    const messages = [{ role: 'user' as const, content: 'A queue?' }];
    const body = { model: 'core', messages, max_tokens: 6, seed: 3, slingshot };
    const row = { custom_id: 'one', method: 'POST', url: '/v1/chat/completions', body };
    const batch = await run(gzipSync(text([row])), { endpoint: '/v1/chat/completions' });
    const [{ response }] = await linesOf(batch.output_file_id);
    const alone = await client.chat.completions.create(body);
    expect(response.body).toMatchObject({ object: 'chat.completion', choices: alone.choices, usage: alone.usage });
  });

  test('says of each bad row what is wrong and where, and runs the others', async () => {
    const rows = [
      ...[completion('good'), '{', '', completion('good'), completion('model', { model: 'none' })],
      ...[completion('long', { prompt: 'queue '.repeat(200) }), completion('last')],
    ];
    const batch = await run(text(rows));
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 7, completed: 2, failed: 5 } });
    const errors = await linesOf(batch.error_file_id);
    expect(errors.map(({ custom_id, error }) => [error.line, custom_id, error.code])).toEqual([
      [2, null, 'not_json'],
      [3, null, 'blank_line'],
      [4, 'good', 'duplicate_custom_id'],
      [5, 'model', 'model_not_found'],
      [6, 'long', 'invalid_request'],
    ]);
    expect((await linesOf(batch.output_file_id)).map(({ custom_id }) => custom_id)).toEqual(['good', 'last']);
  });

  test('fails in a line that says so where its file is none', async () => {
    const refused = await run(Buffer.from(text([completion('a')]), 'utf16le'));
    expect(refused).toMatchObject({ status: 'failed', errors: { data: [{ code: 'not_utf8_file' }] } });
    const nothing = await run('{\n[');
    expect(nothing).toMatchObject({ status: 'failed', errors: { data: [{ code: 'not_json', line: 1 }, { line: 2 }] } });
    expect(await linesOf(nothing.error_file_id)).toHaveLength(2);
  });

  test('keeps to its budget, says which rows had no room, and does those alone when it is resumed', async () => {
    const rows = text(Array.from({ length: 40 }, (_, i) => plain(`row-${i}`)));
    const whole = await linesOf((await run(rows)).output_file_id);
    const batch = await run(rows, { slingshot: { budgetTokens: 16 * 7 + 20 } });
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 40, completed: 16, failed: 24 } });
    const errors = await linesOf(batch.error_file_id);
    expect(new Set(errors.map(({ error }) => error.code))).toEqual(new Set(['budget_exhausted']));
    expect(batch.slingshot.tokens).toBeLessThanOrEqual(16 * 7);
    const before = (await service.json('/v1/usage')).body.data.find(
      ({ model }: { model: string }) => model === 'batch',
    );
    // A run that is stopped counts nothing, and the next one counts what that made.
    await service.json(`/v1/batches/${batch.id}/resume`, { body: { budgetTokens: 1000 } });
    await stopRun(batch.id, 1);
    await ended(batch.id);
    const resumed = await resume(batch.id);
    expect(resumed).toMatchObject({ status: 'completed', request_counts: { completed: 40, failed: 0 } });
    expect(await linesOf(resumed.output_file_id)).toEqual(whole);
    const after = (await service.json('/v1/usage')).body.data.find(({ model }: { model: string }) => model === 'batch');
    // What was done is not done, nor paid, again.
    expect(after.tokens - before.tokens).toBe(resumed.slingshot.tokens - batch.slingshot.tokens);
  });

  test('says what it would take, and runs nothing', async () => {
    const batch = await run(text([plain('a'), plain('b', { n: 2 })]), { slingshot: { dryRun: true } });
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 2, completed: 0 } });
    expect(batch.slingshot.estimate).toEqual({ rows: 2, tokens: 3 * 7, steps: 3 * 4 });
    expect(batch.output_file_id).toBeNull();
  });

  const cancel = (id: string) => client.batches.cancel(id);
  const letExpire = (id: string) =>
    tenantPartition(service.administration, 'acme').update(batchKey(id), 'SET expiresAt = :now', {
      values: { ':now': Math.floor(Date.now() / 1000) },
    });

  test.each([
    ['cancelled', cancel],
    ['expired', letExpire],
  ] as const)('that is %s keeps what is done, and goes on when it is resumed', async (status, end) => {
    const long = { slingshot: { steps: 30 }, max_tokens: 15 };
    const ids = Array.from({ length: 32 }, (_, i) => `row-${i}`);
    // The first chunk is done long before the other.
    const { id } = await start(text(ids.map((row, i) => plain(row, i < 16 ? {} : long))));
    while (((await client.batches.retrieve(id)).request_counts?.completed ?? 0) === 0) await sleep(20);
    await end(id);
    const batch = await ended(id);
    expect(batch).toMatchObject({ status, request_counts: { completed: 16, failed: 16 } });
    expect((await linesOf(batch.error_file_id))[0].error.code).toBe(`batch_${status}`);
    const resumed = await resume(id);
    expect(resumed).toMatchObject({ status: 'completed', request_counts: { total: 32, completed: 32, failed: 0 } });
    expect((await linesOf(resumed.output_file_id)).map((line) => line.id)).toEqual(ids);
  });

  test('leaves a manifest of what there is, and of who made it', async () => {
    const rows = `${text([plain('a'), '{'])}\n`;
    const { id, output_file_id: output, error_file_id: errors } = await run(rows);
    const { environment, operator } = service.cloud;
    const s3 = new S3Client({ credentials: operator, forcePathStyle: true });
    const place = { Bucket: environment.SLINGSHOT_BUCKET, Key: `tenants/acme/batches/out/${id}/manifest.json` };
    const { Body } = await s3.send(new GetObjectCommand(place));
    const manifest = JSON.parse((await Body?.transformToString()) ?? '');
    const digestOf = (bytes: string) => createHash('sha256').update(bytes).digest('hex');
    const content = async (file: string | null | undefined) => (await client.files.content(file ?? '')).text();
    const [{ tokens, steps }] = await linesOf(output);
    expect(manifest).toMatchObject({
      ...{ batch: id, status: 'completed', runs: 1, input: { sha256: digestOf(rows), bytes: rows.length } },
      ...{ rows: { total: 2, completed: 1, failed: 0, refused: 1 }, usage: { completion_tokens: tokens, steps } },
      models: { core: { steps, versions: [expect.stringMatching(/^[0-9a-f]{16}$/)] } },
      output: { lines: 1, sha256: digestOf(await content(output)) },
      errors: { lines: 1, sha256: digestOf(await content(errors)) },
    });
  });

  test('ends with its execution, however that ends', async () => {
    const { id } = await start(text([plain('a', { slingshot: { steps: 40 }, max_tokens: 20 })]));
    const executionArn = await stopRun(id, 0);
    const batch = await ended(id);
    expect(batch).toMatchObject({ status: 'cancelled', errors: { data: [{ message: 'the run ended as ABORTED' }] } });
    await stepFunctions().send(new RedriveExecutionCommand({ executionArn }));
    const status = async () => (await stepFunctions().send(new DescribeExecutionCommand({ executionArn }))).status;
    await expect.poll(status, { timeout: 20_000 }).toBe('SUCCEEDED');
    expect(await ended(id)).toEqual(batch);
    expect(await resume(id)).toMatchObject({ status: 'completed', request_counts: { completed: 1, failed: 0 } });
  });

  test('is another tenant’s to nobody', async () => {
    const { id, input_file_id: file } = await run(text([plain('a')]));
    for (const path of [`/v1/batches/${id}`, `/v1/files/${file}`, `/v1/files/${file}/content`]) {
      expect((await service.json(path, { key: service.keys.other })).status).toBe(404);
    }
    const body = { input_file_id: file, endpoint: '/v1/completions', completion_window: '24h' };
    expect((await service.json('/v1/batches', { body, key: service.keys.other })).status).toBe(400);
    expect((await client.batches.list()).data[0].id).toBe(id);
    expect((await service.json('/v1/batches', { key: service.keys.other })).body.data).toEqual([]);
  });
});

describe('a file that is dropped into the tenant’s folder', () => {
  const put = (key: string, rows: string) => {
    const { environment, operator } = service.cloud;
    const s3 = new S3Client({ credentials: operator, forcePathStyle: true });
    return s3.send(new PutObjectCommand({ Bucket: environment.SLINGSHOT_BUCKET, Key: key, Body: rows }));
  };
  const dropped = async (key: string) =>
    (await client.batches.list({ limit: 100 })).data.find((batch) => (batch as Ended).slingshot.input === key);

  test('is a batch, and what lies elsewhere is none', async () => {
    const key = 'tenants/acme/batches/in/night.jsonl';
    const others = [
      'tenants/acme/batches/in/night.txt',
      'tenants/acme/batches/in/deep/night.jsonl',
      'tenants/nobody/batches/in/a.jsonl',
    ];
    for (const other of others) await put(other, text([plain('a')]));
    await put(key, text([plain('a', { seed: 5 })]));
    while (!(await dropped(key))) await sleep(20);
    const batch = await ended((await dropped(key))?.id ?? '');
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 1, completed: 1 } });
    for (const other of others) expect(await dropped(other)).toBeUndefined();
    // The same event once more is the same batch.
    const count = async () => (await client.batches.list({ limit: 100 })).data.length;
    const before = await count();
    await service.cloud.tellOfDrops();
    expect(await count()).toBe(before);
  });
});
