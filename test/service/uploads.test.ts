import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { short, type TinyService, tinyService } from '../support/service.ts';

let service: TinyService;
beforeAll(async () => {
  service = await tinyService();
});
afterAll(() => service.stop());

interface Form {
  readonly url: string;
  readonly fields: Readonly<Record<string, string>>;
}

const uploadOf = async (bytes: number, purpose = 'context') =>
  (await service.json('/v1/uploads', { body: { purpose, bytes } })).body as { id: string; form: Form };
const post = async ({ url, fields }: Form, text: string): Promise<string | number> => {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  form.set('file', new Blob([text]), 'desks.md');
  const response = await fetch(url, { method: 'POST', body: form });
  return /<Code>(\w+)<\/Code>/.exec(await response.text())?.[1] ?? response.status;
};
const errorOf = async (path: string, options: Parameters<TinyService['call']>[1]) => {
  const { status, body } = await service.json(path, options);
  return [status, body.error.code, body.error.message];
};

describe('an upload', () => {
  it('takes one file of the length that was said, and is then a context', async () => {
    const text = '\uFEFFA worker';
    const bytes = Buffer.byteLength(text);
    const { id, form } = await uploadOf(bytes);
    expect(await post(form, `${text}.`)).toBe('EntityTooLarge');
    expect(await post(form, text.slice(1))).toBe('EntityTooSmall');
    expect((await service.json(`/v1/uploads/${id}`)).body).toMatchObject({ status: 'pending', form: null });
    const early = [400, 'invalid_request', `upload: the file of ${id} has not come`];
    expect(await errorOf('/v1/contexts', { body: { upload: id } })).toEqual(early);
    expect(await post(form, text)).toBe(204);
    expect((await service.json(`/v1/uploads/${id}`)).body).toMatchObject({ status: 'received', bytes });
    const { status, body } = await service.json('/v1/contexts', { body: { upload: id } });
    // A byte order mark is no text.
    expect([status, body.bytes]).toEqual([201, 8]);
    const slingshot = { ...short.slingshot, weight: 0.5, context: body.id };
    const used = await service.json('/v1/completions', { body: { ...short, model: 'core+acme', slingshot } });
    expect(used.status).toBe(200);
    // It is the context's now.
    expect((await service.json(`/v1/uploads/${id}`)).status).toBe(404);
  });

  it('of another tenant, or another purpose, is none', async () => {
    const { id, form } = await uploadOf(4);
    await post(form, 'text');
    const foreign = { key: service.keys.other };
    expect((await service.json(`/v1/uploads/${id}`, foreign)).status).toBe(404);
    const none = [400, 'invalid_request', `upload: there is no ${id}`];
    expect(await errorOf('/v1/contexts', { ...foreign, body: { upload: id } })).toEqual(none);
    const rows = await uploadOf(4, 'batch');
    const [, , line] = await errorOf('/v1/contexts', { body: { upload: rows.id } });
    expect(line).toBe(`upload: ${rows.id} is for the purpose batch, not context`);
  });

  it('is refused where it is too large, is no text, or the key is not for it', async () => {
    const [status, , line] = await errorOf('/v1/uploads', { body: { purpose: 'context', bytes: 5e6 } });
    expect([status, line]).toEqual([400, 'bytes: is 5000000; for the purpose context at most 4194304 are taken']);
    const key = await service.keyFor(['generate']);
    const body = { purpose: 'model', bytes: 4 };
    const [, code] = await errorOf('/v1/uploads', { key, body });
    expect(code).toBe('insufficient_scope');
    const reader = await service.keyFor(['read']);
    const refused = [403, 'insufficient_scope', 'the key is not for generate, or batch, or admin'];
    expect(await errorOf('/v1/uploads', { key: reader, body })).toEqual(refused);
    const { id, form } = await uploadOf(4);
    await post(form, 'a\0bc');
    const noText = [400, 'invalid_request', `upload: ${id} is not text: it holds NUL`];
    expect(await errorOf('/v1/contexts', { body: { upload: id } })).toEqual(noText);
    const both = { content: 'x', upload: id };
    expect(await errorOf('/v1/contexts', { body: both })).toEqual([
      400,
      'invalid_request',
      'content: is needed, or upload in its place',
    ]);
  });
});
