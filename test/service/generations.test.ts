import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DirectEngine } from '../../lib/direct-engine.ts';
import { messagesOf, serviceAndLoop, short, type TinyService } from '../support/service.ts';

let service: TinyService;
let direct: DirectEngine;
let stop: () => Promise<void>;
beforeAll(async () => {
  ({ service, direct, stop } = await serviceAndLoop());
});
afterAll(() => stop());

const json: TinyService['json'] = (path, options) => service.json(path, options);
const errorOf: TinyService['errorOf'] = (path, options) => service.errorOf(path, options);

/** On a machine that does other things, too. */
const patient = { timeout: 20_000 };

describe('generations', () => {
  const generation = { ...short, events: true };

  it('answer at once, or wait as long as they are asked to', async () => {
    const begun = await json('/v1/generations', { body: generation });
    expect(begun).toMatchObject({ status: 202, body: { status: 'running' } });
    const location = begun.headers.get('location') ?? '';
    expect(location).toBe(`/v1/generations/${begun.body.id}`);
    await expect.poll(async () => (await json(location)).body.status, patient).toBe('succeeded');
    const waited = await json('/v1/generations', { body: generation, headers: { prefer: 'wait=20' } });
    expect(waited).toMatchObject({ status: 200, body: { status: 'succeeded', steps: 12 } });
    expect(waited.headers.get('preference-applied')).toBe('wait=20');
  });

  it('tell of themselves by named events, from where a reader was', async () => {
    const slingshot = { ...short.slingshot, detail: 'positions' };
    const body = { ...generation, model: 'core+acme', slingshot };
    const { body: begun } = await json('/v1/generations', { body });
    const events = await messagesOf(await service.call(`/v1/generations/${begun.id}/events`));
    const names = events.map(({ event }) => event);
    expect(names).toEqual([
      ...Array(3)
        .fill([...Array(4).fill('step'), 'commit'])
        .flat(),
      'done',
    ]);
    const [{ data }] = events;
    const [position] = JSON.parse(data).choices[0].positions;
    expect(position).toMatchObject({
      logprob: expect.any(Number),
      mover: expect.stringMatching(/^(core|tenant:acme)$/),
    });
    expect(Object.keys(position.members)).toEqual(['core', 'tenant:acme']);
    for (const likely of Object.values<unknown[]>(position.members)) expect(likely).toHaveLength(5);
    for (const from of [2, 4, 9]) {
      const headers = { 'last-event-id': events[from].id };
      const rest = await messagesOf(await service.call(`/v1/generations/${begun.id}/events`, { headers }));
      expect(rest).toEqual(events.slice(from + 1));
    }
  });

  it('are the same under one idempotency key, and two without', async () => {
    const headers = { 'idempotency-key': 'once' };
    const [one, two] = await Promise.all([1, 2].map(() => json('/v1/generations', { body: generation, headers })));
    expect(one.body.id).toBe(two.body.id);
    const other = { body: { ...generation, seed: 8 }, headers };
    expect(await errorOf('/v1/generations', other)).toEqual([422, 'idempotency_mismatch', 'idempotency-key']);
    const ids = await Promise.all(
      [1, 2].map(async () => (await json('/v1/generations', { body: generation })).body.id),
    );
    expect(new Set([...ids, one.body.id]).size).toBe(3);
    const elsewhere = await json('/v1/generations', {
      body: { ...generation, model: 'core' },
      headers,
      key: service.keys.other,
    });
    expect(elsewhere.body.id).not.toBe(one.body.id);
  });

  it('end when they are cancelled: no model is asked later than a second after', async () => {
    const slow = { ...generation, max_tokens: 30, slingshot: { steps: 2000 } };
    const { body: begun } = await json('/v1/generations', { body: slow });
    const path = `/v1/generations/${begun.id}`;
    const cancelled = await json(path, { method: 'DELETE' });
    expect(cancelled.body).toMatchObject({ status: 'cancelled', error: null });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const seen = await eventsOf(begun.id);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await eventsOf(begun.id)).toBe(seen);
    expect((await json(path, { method: 'DELETE' })).body.status).toBe('cancelled');
  });

  const eventsOf = async (id: string) =>
    (await messagesOf(await service.call(`/v1/generations/${id}/events`))).filter(({ event }) => event === 'step')
      .length;

  it('of others are not there, whoever asks for them however', async () => {
    const { body: begun } = await json('/v1/generations', { body: generation });
    const key = service.keys.other;
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/events'],
    ]) {
      const foreign = await json(`/v1/generations/${begun.id}${path}`, { method, key });
      const never = await json(`/v1/generations/${begun.id.replace(/.$/, 'x')}${path}`, { method, key });
      expect(foreign.status).toBe(404);
      const same = (text: string) => text.replaceAll(/gen_\w+|[0-9a-f-]{36}/g, '');
      expect(same(JSON.stringify(foreign.body))).toBe(same(JSON.stringify(never.body)));
    }
  });
});

describe('contexts', () => {
  it('are kept, listed, used by their id, and forgotten', async () => {
    const headers = { 'content-type': 'text/markdown' };
    const made = await json('/v1/contexts', { body: 'A worker', headers });
    expect(made).toMatchObject({ status: 201, body: { bytes: 8 } });
    const { id } = made.body;
    expect((await json('/v1/contexts')).body.data).toEqual([made.body]);
    expect((await json(`/v1/contexts/${id}`)).body).toEqual(made.body);
    const slingshot = { ...short.slingshot, weight: 0.5, context: id };
    const { text } = await direct.generate({
      ...{ prompt: short.prompt, tokens: 12, seed: 7, steps: 6 },
      ...{ tenant: 'acme', weight: 0.5, context: 'A worker' },
    });
    const used = await json('/v1/completions', { body: { ...short, model: 'core+acme', slingshot } });
    expect(used.body.choices[0].text).toBe(text);
    const foreign = { body: { ...short, slingshot: { context: id } }, key: service.keys.other };
    const never = { body: { ...short, slingshot: { context: 'ctx_0' } } };
    const refusal = [400, 'invalid_request', 'slingshot.context'];
    expect(await errorOf('/v1/completions', foreign)).toEqual(refusal);
    expect(await errorOf('/v1/completions', never)).toEqual(refusal);
    expect(await errorOf(`/v1/contexts/${id}`, { key: service.keys.other })).toEqual([404, 'not_found', 'id']);
    expect((await json(`/v1/contexts/${id}`, { method: 'DELETE' })).body.deleted).toBe(true);
    expect((await json(`/v1/contexts/${id}`)).status).toBe(404);
    const { status, body } = await json('/v1/contexts', { body: { content: 'queue '.repeat(100) } });
    expect([status, body.error.message]).toEqual([
      400,
      expect.stringMatching(/^content: is \d+ tokens long; the models take at most 34$/),
    ]);
  });
});

describe('usage', () => {
  it('counts what was committed, once a generation', async () => {
    const of = async () => {
      const { body } = await json('/v1/usage');
      return body.data.reduce((sum: number, row: { tokens: number }) => sum + row.tokens, 0);
    };
    const before = await of();
    await json('/v1/completions', { body: short });
    expect(await of()).toBe(before + 12);
  });
});
