import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from 'tar';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addModel, listModels, promoteModel, retireModel, rollBackModel } from '../../lib/administration/models.ts';
import { serviceStatus } from '../../lib/administration/service-status.ts';
import { statusOf } from '../../lib/administration/status.ts';
import { packModel } from '../../models/checkpoint/model-archive.ts';
import { short, type TinyService, tinyService } from '../support/service.ts';

let service: TinyService;
let folder: string;
beforeAll(async () => {
  // Beside other tests a model's process may be slow to answer.
  service = await tinyService({ endpointTimeoutMilliseconds: 15_000 });
  folder = service.models;
});
afterAll(() => service.stop());

const textOf = async (key: string, model: string) => {
  const { status, body } = await service.json('/v1/completions', { body: { ...short, model }, key });
  expect(status, JSON.stringify(body)).toBe(200);
  return body.choices[0].text;
};
const namesOf = async (key: string) =>
  (await service.json('/v1/models', { key })).body.data.map(({ id }: { id: string }) => id);

describe("a tenant's own model", () => {
  it('is served as soon as it is added, without a restart, for that tenant alone', async () => {
    const { other } = service.keys;
    expect(await namesOf(other)).not.toContain('core+other');
    const { id } = await addModel(service.administration, 'other', join(folder, 'acme'), 1);
    expect(await namesOf(other)).toContain('core+other');
    expect(await namesOf(service.keys.acme)).not.toContain('core+other');
    // The same model, whoever's it is.
    expect(await textOf(other, 'core+other')).toBe(await textOf(service.keys.acme, 'core+acme'));
    expect(await listModels(service.administration, 'other')).toMatchObject([{ id, status: 'ready', share: 1 }]);
  });

  it('has versions, which are promoted, rolled back and retired', async () => {
    const { administration, keys } = service;
    const [{ id: first }] = await listModels(administration, 'other');
    const before = await textOf(keys.other, 'core+other');
    const { id: second } = await addModel(administration, 'other', join(folder, 'core'), 0);
    expect(await textOf(keys.other, 'core+other')).toBe(before);
    await promoteModel(administration, 'other', second, 1);
    const after = await textOf(keys.other, 'core+other');
    expect(after).not.toBe(before);
    await expect(retireModel(administration, 'other', second)).rejects.toThrow('serves 1 of what is asked');
    await rollBackModel(administration, 'other');
    expect(await textOf(keys.other, 'core+other')).toBe(before);
    const components = service.cloud.endpoints.size;
    expect(await retireModel(administration, 'other', second)).toMatchObject({ id: second, status: 'retired' });
    expect(service.cloud.endpoints.size).toBe(components - 1);
    await expect(promoteModel(administration, 'other', second, 1)).rejects.toThrow('is retired');
    expect((await listModels(administration, 'other')).map(({ id, share }) => [id, share])).toEqual([
      [first, 1],
      [second, 0],
    ]);
  });

  it('is refused before it is sent when it is no model, or another tokenizer’s', async () => {
    const broken = join(folder, 'broken');
    await expect(addModel(service.administration, 'other', broken, 1)).rejects.toThrow('broken');
    await expect(addModel(service.administration, 'nobody', join(folder, 'acme'), 1)).rejects.toThrow(
      'tenant nobody: there is none',
    );
  });
});

describe('POST /v1/models', () => {
  let admin: string;
  beforeAll(async () => {
    admin = await service.keyFor(['admin', 'read', 'generate']);
  });

  async function send(archive: string): Promise<{ id: string; status: string; error: { message: string } | null }> {
    const bytes = await readFile(archive);
    const asked = { purpose: 'model', bytes: bytes.length };
    const { body: upload } = await service.json('/v1/uploads', { body: asked, key: admin });
    const form = new FormData();
    for (const [name, value] of Object.entries(upload.form.fields as Record<string, string>)) form.set(name, value);
    form.set('file', new Blob([bytes]), 'model.tar');
    expect((await fetch(upload.form.url, { method: 'POST', body: form })).status).toBe(204);
    const { status, headers, body } = await service.json('/v1/models', { body: { upload: upload.id }, key: admin });
    expect([status, body.status]).toEqual([202, 'validating']);
    const location = headers.get('location') ?? '';
    for (;;) {
      const { body: now } = await service.json(location, { key: admin });
      if (!['validating', 'deploying'].includes(now.status)) return now;
    }
  }

  it('validates, deploys and serves what was uploaded', async () => {
    const archive = join(folder, 'sent.tar.gz');
    await packModel(join(folder, 'core'), archive);
    const before = await textOf(admin, 'core+acme');
    expect(await send(archive)).toMatchObject({ status: 'ready', error: null });
    expect(await textOf(admin, 'core+acme')).not.toBe(before);
  });

  it.each([
    ['no archive', async (path: string) => writeFile(path, 'not a tar'.repeat(200)), 'the archive'],
    [
      'a foreign file',
      async (path: string) => {
        await writeFile(join(folder, 'notes.txt'), 'notes');
        await create({ cwd: folder, file: path }, ['notes.txt']);
      },
      'notes.txt is no file of a model; expected config.json',
    ],
    [
      'a path out of it',
      async (path: string) =>
        create({ cwd: join(folder, 'acme'), file: path, preservePaths: true }, ['../core/config.json']),
      'is no file of a model',
    ],
    [
      'a model without weights',
      async (path: string) => create({ cwd: join(folder, 'acme'), file: path }, ['config.json', 'tokenizer.json']),
      'model.safetensors cannot be read',
    ],
    [
      'a model of another tokenizer',
      async (path: string) => {
        const text = await readFile(join(folder, 'acme', 'tokenizer.json'), 'utf8');
        await writeFile(join(folder, 'acme', 'tokenizer.json'), `${text} `);
        await packModel(join(folder, 'acme'), path);
        await writeFile(join(folder, 'acme', 'tokenizer.json'), text);
      },
      'its tokenizer.json is another',
    ],
  ])('refuses %s, and says why', async (_, make, message) => {
    const archive = join(tmpdir(), `slingshot-sent-${process.pid}.tar`);
    await make(archive);
    const { status, error } = await send(archive);
    expect(status).toBe('failed');
    expect(error?.message).toContain(message);
    expect(error?.message).not.toContain(tmpdir());
  });

  it('is for keys that may administer, and for uploads that are there', async () => {
    const plain = await service.keyFor(['read', 'generate']);
    const upload = `upl_${'0'.repeat(24)}`;
    expect((await service.json('/v1/models', { body: { upload }, key: plain })).status).toBe(403);
    expect((await service.json('/v1/models', { body: { upload }, key: admin })).body.error.message).toContain(
      'there is no',
    );
  });
});

describe('the status', () => {
  it('has what each tenant has in flight and used today, and what serves it', async () => {
    const started = await service.call('/v1/generations', {
      body: { ...short, max_tokens: 20, slingshot: { steps: 400 } },
    });
    expect(started.status).toBe(202);
    const whole = await serviceStatus(service.administration);
    expect(whole.generations.succeeded).toBeGreaterThan(2);
    expect(whole.tokensPerSecond).toBeCloseTo(whole.tokens / 60, 6);
    expect(whole.stepsPerToken).toBeGreaterThan(0);
    expect(whole.stepMilliseconds.core).toBeGreaterThan(0);
    expect([whole.degraded, whole.rowsWaiting]).toEqual([0, 0]);
    const rows = await statusOf(service.administration);
    expect(rows.map(({ tenant }) => tenant)).toEqual(['acme', 'other']);
    expect(rows[0]).toMatchObject({ tier: 'large', inFlight: 1, tokensToday: expect.any(Number) });
    expect(rows[0].tokensToday).toBeGreaterThanOrEqual(20);
    expect(rows[1]).toMatchObject({ inFlight: 0, model: expect.stringMatching(/^mdl-/) });
    await service.call(started.headers.get('location') ?? '', { method: 'DELETE' });
  });
});
