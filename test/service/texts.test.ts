import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shareAnnouncements } from '../../functions/shared/generations/announcements.ts';
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
    const [{ created }] = (await json('/v1/models')).body.data;
    expect(Date.now() / 1000 - created).toBeLessThan(600);
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
  it('is the same where its events are found in the table alone, as in the cloud', async () => {
    const body = { ...short, stream: true, diffusing: true };
    const told = async () => {
      const messages = await messagesOf(await service.call('/v1/completions', { body }));
      const chunks = messages.slice(0, -1).map(({ data }) => JSON.parse(data));
      return chunks.map(({ choices, slingshot }) => [choices, slingshot?.sequence, slingshot?.draft]);
    };
    const heard = await told();
    shareAnnouncements(false);
    const found = await told();
    shareAnnouncements(true);
    expect(found).toEqual(heard);
    expect(heard.length).toBeGreaterThan(12);
  });

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
