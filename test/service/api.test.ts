import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { disableKey } from '../../functions/shared/keys/key-store.ts';
import { DirectEngine } from '../../lib/direct-engine.ts';
import { messagesOf, short, type TinyService, tinyService } from '../support/service.ts';
import { tinyFleet } from '../support/tiny-fleet.ts';

let service: TinyService;
let direct: DirectEngine;
let tiny: Awaited<ReturnType<typeof tinyFleet>>;
beforeAll(async () => {
  tiny = await tinyFleet();
  service = await tinyService({ requestMilliseconds: 1500 });
  direct = await DirectEngine.start(tiny.fleet, { kept: 64 });
});
afterAll(async () => {
  await service.stop();
  await direct.stop();
  await tiny.remove();
});

const json: TinyService['json'] = (path, options) => service.json(path, options);
const errorOf = async (path: string, options?: Parameters<TinyService['call']>[1]) => {
  const { status, body } = await json(path, options);
  return [status, body.error.code, body.error.param];
};

/** On a machine that does other things, too. */
const patient = { timeout: 20_000 };

describe('the texts of the API', () => {
  it('are those of the plain loop, in one piece, streamed and kept', async () => {
    const { text } = await direct.generate({ prompt: short.prompt, tokens: 12, seed: 7, steps: 6 });
    const whole = await json('/v1/completions', { body: short });
    expect(whole.body.choices).toMatchObject([{ text, index: 0, finish_reason: 'length' }]);
    const streamed = await messagesOf(await service.call('/v1/completions', { body: { ...short, stream: true } }));
    const chunks = streamed.slice(0, -1).map(({ data }) => JSON.parse(data));
    expect(chunks.map(({ choices }) => choices[0].text).join('')).toBe(text);
    expect(streamed.at(-1)?.data).toBe('[DONE]');
    const kept = await json(`/v1/generations/${whole.body.id}`);
    expect(kept.body).toMatchObject({ status: 'succeeded', choices: [{ text }], usage: whole.body.usage });
  });

  it('are corrected by the tenant’s own model, and by no other’s', async () => {
    const { text } = await direct.generate({
      ...{ prompt: short.prompt, tokens: 12, seed: 7, steps: 6 },
      ...{ tenant: 'acme', weight: 0.5 },
    });
    const slingshot = { ...short.slingshot, weight: 0.5 };
    const own = await json('/v1/completions', { body: { ...short, model: 'core+acme', slingshot } });
    expect(own.body.choices[0].text).toBe(text);
    const named = await json('/v1/completions', {
      body: { ...short, slingshot: { ...slingshot, tenantModel: 'acme' } },
    });
    expect(named.body.choices[0].text).toBe(text);
    const foreign = { body: { ...short, model: 'core+acme' }, key: service.keys.other };
    expect(await errorOf('/v1/completions', foreign)).toEqual([404, 'model_not_found', 'model']);
    const ids = async (key?: string) =>
      (await json('/v1/models', { key })).body.data.map(({ id }: { id: string }) => id);
    expect(await ids()).toEqual(['core', 'core+acme']);
    expect(await ids(service.keys.other)).toEqual(['core']);
  });

  it('of several prompts and several a prompt are those that each seed gives alone', async () => {
    const { body } = await json('/v1/completions', { body: { ...short, prompt: ['To create', 'A worker'], n: 2 } });
    expect(body.choices.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2, 3]);
    for (const [i, prompt] of ['To create', 'To create', 'A worker', 'A worker'].entries()) {
      const { text } = await direct.generate({ prompt, tokens: 12, seed: 7 + i, steps: 6 });
      expect(body.choices[i].text).toBe(text);
    }
    // A prompt counts once.
    const { tokenizer } = await (await import('../support/tiny-fleet.ts')).tinyModel('core', 1);
    const prompts = await Promise.all(['To create', 'A worker'].map((prompt) => tokenizer.encode(prompt)));
    expect(body.usage.prompt_tokens).toBe(prompts.flat().length);
  });

  it('end before the first stop text, which no stream shows a part of', async () => {
    const { body } = await json('/v1/completions', { body: short });
    const { text } = body.choices[0];
    const stop = text.slice(4, 7);
    const wanted = { choices: [{ text: text.slice(0, text.indexOf(stop)), finish_reason: 'stop' }] };
    const stopped = await json('/v1/completions', { body: { ...short, stop } });
    expect(stopped.body).toMatchObject(wanted);
    const streamed = await messagesOf(
      await service.call('/v1/completions', { body: { ...short, stop: [stop], stream: true } }),
    );
    const shown = streamed.slice(0, -1).map(({ data }) => JSON.parse(data).choices[0].text);
    expect(shown.join('')).toBe(wanted.choices[0].text);
  });

  it('have the log-probabilities of each block’s last logits', async () => {
    const { body } = await json('/v1/completions', { body: { ...short, logprobs: 2 } });
    const { tokens, token_logprobs, top_logprobs } = body.choices[0].logprobs;
    expect([tokens, token_logprobs, top_logprobs].map(({ length }) => length)).toEqual([12, 12, 12]);
    expect(Math.max(...token_logprobs)).toBeLessThanOrEqual(0);
    for (const top of top_logprobs) expect(Object.keys(top).length).toBeLessThanOrEqual(2);
    const chat = { model: 'core', messages: [{ role: 'user', content: 'queue' }], max_tokens: 5, seed: 3 };
    const answer = await json('/v1/chat/completions', { body: { ...chat, logprobs: true, top_logprobs: 1 } });
    expect(answer.body.choices[0].logprobs.content).toHaveLength(answer.body.usage.completion_tokens);
  });
});

describe('a stream', () => {
  it('has drafts only when they are asked for, in chunks that add no text', async () => {
    const body = { ...short, stream: true, stream_options: { include_usage: true } };
    const types = async (more: object) => {
      const messages = await messagesOf(await service.call('/v1/completions', { body: { ...body, ...more } }));
      expect(messages.every(({ event }) => event === '')).toBe(true);
      return messages.slice(0, -1).map(({ data }) => JSON.parse(data));
    };
    const plain = await types({});
    expect(plain.filter(({ slingshot }) => slingshot?.type === 'step')).toEqual([]);
    expect(plain.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 12 } });
    const steps = (await types({ diffusing: true })).filter(({ slingshot }) => slingshot?.type === 'step');
    // Three blocks of four steps.
    expect(steps).toHaveLength(12);
    for (const { choices, slingshot } of steps) {
      expect(choices).toMatchObject([{ text: '', finish_reason: null }]);
      expect(slingshot).toMatchObject({ draft: expect.any(String), probabilities: expect.any(Array) });
    }
    expect(steps.map(({ slingshot }) => slingshot.sequence)).toEqual(
      steps.map(({ slingshot: { block, step } }) => block * 7 + step),
    );
  });

  it('of a chat begins with the role, and ends in an error where its generation fails', async () => {
    const body = { model: 'core', messages: [{ role: 'user', content: 'x' }], max_tokens: 10, stream: true };
    const [first] = await messagesOf(await service.call('/v1/chat/completions', { body }));
    expect(JSON.parse(first.data).choices[0].delta).toEqual({ role: 'assistant', content: '' });
    const container = service.cloud.endpoints.get('slingshot-core') as string;
    service.cloud.endpoints.delete('slingshot-core');
    const failed = await messagesOf(await service.call('/v1/chat/completions', { body }));
    service.cloud.endpoints.set('slingshot-core', container);
    expect(JSON.parse(failed.at(-1)?.data ?? '')).toMatchObject({
      error: { code: 'bad_answer', type: 'server_error' },
    });
  });

  it('that its reader leaves is cancelled, and what was committed stays readable', async () => {
    const stop = new AbortController();
    const body = { ...short, max_tokens: 30, stream: true, diffusing: true, slingshot: { steps: 300 } };
    const response = await service.call('/v1/completions', { body, signal: stop.signal });
    const reader = response.body?.getReader();
    let text = '';
    while (!text.includes('"type":"step"')) text += new TextDecoder().decode((await reader?.read())?.value);
    stop.abort();
    const { id } = JSON.parse(/data: (.*)/.exec(text)?.[1] ?? '');
    await expect.poll(async () => (await json(`/v1/generations/${id}`)).body.status, patient).toBe('cancelled');
  });
});

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

describe('what is wrong is told by its field', () => {
  const long = 'x'.repeat(65);
  it.each<[object, unknown[]]>([
    [{ prompt: '' }, [400, 'invalid_request', 'prompt']],
    [{ prompt: [] }, [400, 'invalid_request', 'prompt']],
    [{ prompt: 7 }, [400, 'invalid_request', 'prompt']],
    [{ model: undefined }, [400, 'invalid_request', 'model']],
    [{ model: 'gpt' }, [404, 'model_not_found', 'model']],
    [{ n: 1000 }, [400, 'invalid_request', 'n']],
    [{ n: 0 }, [400, 'invalid_request', 'n']],
    [{ seed: 2 ** 53 }, [400, 'invalid_request', 'seed']],
    [{ seed: Number.MAX_SAFE_INTEGER, n: 2 }, [400, 'invalid_request', 'seed']],
    [{ stop: ['a', 'b', 'c', 'd', 'e'] }, [400, 'invalid_request', 'stop']],
    [{ stop: long }, [400, 'invalid_request', 'stop']],
    [{ temperature: 3 }, [400, 'invalid_request', 'temperature']],
    [{ top_p: 0 }, [400, 'invalid_request', 'top_p']],
    [{ max_tokens: 36 }, [400, 'invalid_request', 'max_tokens']],
    [{ logprobs: 6 }, [400, 'invalid_request', 'logprobs']],
    [{ prompt: 'queue '.repeat(100_000) }, [400, 'invalid_request', 'prompt']],
    [{ echo: true }, [400, 'unsupported_field', 'echo']],
    [{ best_of: 3 }, [400, 'unsupported_field', 'best_of']],
    [{ logit_bias: { 5: 1 } }, [400, 'unsupported_field', 'logit_bias']],
    [{ presence_penalty: 1 }, [400, 'unsupported_field', 'presence_penalty']],
    [{ suffix: 'the end' }, [400, 'invalid_request', 'suffix']],
    [{ slingshot: { steps: 0 } }, [400, 'invalid_request', 'slingshot.steps']],
    [{ slingshot: { tenant: 'other' } }, [400, 'invalid_request', 'slingshot.tenant']],
    [{ slingshot: { weight: 0.5 } }, [400, 'invalid_request', 'slingshot.weight']],
    [{ slingshot: { quality: 'high' } }, [400, 'invalid_request', 'slingshot.quality']],
  ])('%j', async (more, wanted) => {
    const answer = await json('/v1/completions', { body: { ...short, ...more } });
    expect([answer.status, answer.body.error.code, answer.body.error.param], answer.body.detail).toEqual(wanted);
  });

  it.each([
    ['tools', [{ type: 'function', function: { name: 'f' } }]],
    ['response_format', { type: 'json_object' }],
    ['audio', { voice: 'x' }],
  ])('%s in a chat', async (field, value) => {
    const body = { model: 'core', messages: [{ role: 'user', content: 'x' }], [field]: value };
    expect(await errorOf('/v1/chat/completions', { body })).toEqual([400, 'unsupported_field', field]);
  });

  it('but what asks for nothing, and what clients will add, is taken', async () => {
    const neutral = {
      echo: false,
      best_of: 1,
      logit_bias: {},
      presence_penalty: 0,
      suffix: null,
      temperature: 1,
      stop: null,
    };
    expect((await json('/v1/completions', { body: { ...short, ...neutral, field_of_tomorrow: 1 } })).status).toBe(200);
    expect(await errorOf('/v1/generations', { body: { ...short, field_of_tomorrow: 1 } })).toEqual([
      400,
      'invalid_request',
      'field_of_tomorrow',
    ]);
  });

  it('from a body that is none, a key that is none, and a path that is none', async () => {
    expect(await errorOf('/v1/completions', { body: '{"model"' })).toEqual([400, 'invalid_json', null]);
    expect(await errorOf('/v1/completions', { body: short, headers: { 'content-type': 'text/csv' } })).toEqual([
      415,
      'unsupported_media_type',
      null,
    ]);
    const large = { ...short, prompt: 'x'.repeat(5 * 2 ** 20) };
    expect(await errorOf('/v1/completions', { body: large })).toEqual([413, 'body_too_large', null]);
    expect(await errorOf('/v1/completions', { body: { ...short, prompt: 'x'.repeat(11 * 2 ** 20) } })).toEqual([
      413,
      'body_too_large',
      null,
    ]);
    expect(await errorOf('/v1/models', { key: 'sl_live_nobody' })).toEqual([401, 'invalid_api_key', null]);
    expect(await errorOf('/v1/nothing')).toEqual([404, 'not_found', null]);
    expect(await errorOf('/v1/models', { method: 'DELETE' })).toEqual([405, 'method_not_allowed', null]);
    const reading = await service.keyFor(['read']);
    expect(await errorOf('/v1/completions', { body: short, key: reading })).toEqual([403, 'insufficient_scope', null]);
    expect((await json('/v1/models', { key: reading })).status).toBe(200);
  });

  it('from a key that was disabled, once it is no longer remembered', async () => {
    const key = await service.keyFor(['read']);
    await disableKey(service.administration, key.split('_')[2], true);
    expect(await errorOf('/v1/models', { key })).toEqual([401, 'invalid_api_key', null]);
  });

  it('from a request that does not arrive', async () => {
    const { hostname, port } = new URL(service.url);
    const { connect } = await import('node:net');
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      let text = '';
      socket
        .on('data', (chunk) => (text += chunk))
        .on('end', () => resolve(text))
        .on('error', reject);
      socket.write('POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n');
    });
    expect(answer).toContain('HTTP/1.1 408');
    expect(answer).toContain('"code":"request_timeout"');
  });

  it('and whether it is worth another try', async () => {
    const refused = await service.call('/v1/completions', { body: { ...short, prompt: '' } });
    expect(refused.headers.get('x-should-retry')).toBe('false');
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
  });
});

it('readiness says of each part whether it is there', async () => {
  const { status, body } = await json('/v1/ready');
  expect([status, body.ready]).toEqual([200, true]);
  expect(Object.keys(body.checks)).toEqual(['catalog', 'table', 'state machine', 'models']);
});
