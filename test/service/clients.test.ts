import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { ChatOpenAI, OpenAI as LangChainOpenAI } from '@langchain/openai';
import { generateText, streamText } from 'ai';
import OpenAI, { APIError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeTenant } from '../../lib/administration/tenants.ts';
import { checkedFetch } from '../support/openapi-check.ts';
import { short, type TinyService, tinyService } from '../support/service.ts';

let service: TinyService;
let openai: OpenAI;
/** The text that the API gives for the requests below, which all clients must get. */
let completion: string;
let answer: string;

const messages = [{ role: 'user' as const, content: 'queue' }];
const { model, seed } = short;
const tokens = 10;
const slingshot = { steps: 6 };

beforeAll(async () => {
  service = await tinyService({ tiers: { large: tier(64), narrow: tier(1) } });
  openai = clientFor(service.keys.acme);
  const text = async (path: string, body: object) => (await service.json(path, { body })).body.choices[0];
  completion = (await text('/v1/completions', { ...short, max_tokens: tokens })).text;
  answer = (await text('/v1/chat/completions', { model, messages, seed, max_tokens: tokens, slingshot })).message
    .content;
});
afterAll(() => service.stop());

function tier(inFlight: number) {
  return { requestsPerDay: 10_000, tokensPerDay: 1e9, stepsPerDay: 1e9, inFlight, requestsPerSecond: 100 };
}

function clientFor(apiKey: string, fetching: typeof fetch = checkedFetch): OpenAI {
  return new OpenAI({ baseURL: `${service.url}/v1`, apiKey, fetch: fetching });
}

describe('openai', () => {
  // biome-ignore lint/suspicious/noExplicitAny: fields that its types do not have
  const wanted: any = { model, seed, max_tokens: tokens, slingshot };

  it('completes, chats, and lists models', async () => {
    const made = await openai.completions.create({ ...wanted, prompt: short.prompt });
    expect(made.choices[0].text).toBe(completion);
    const chat = await openai.chat.completions.create({ ...wanted, messages, n: 2 });
    expect(chat.choices[0].message.content).toBe(answer);
    expect(chat.choices).toHaveLength(2);
    expect(chat._request_id).toMatch(/^[0-9a-f-]{36}$/);
    const ids = [];
    for await (const one of openai.models.list()) ids.push(one.id);
    expect(ids).toEqual(['core', 'core+acme']);
  });

  it('streams, drafts or not, to the same text', async () => {
    const parts: string[] = [];
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const stream: any = await openai.completions.create({
      ...wanted,
      prompt: short.prompt,
      stream: true,
      diffusing: true,
    });
    let drafts = 0;
    for await (const chunk of stream) {
      parts.push(chunk.choices[0].text);
      if (chunk.slingshot?.type === 'step') drafts++;
    }
    expect(parts.join('')).toBe(completion);
    expect(drafts).toBe(8);
    const runner = openai.chat.completions.stream({ ...wanted, messages, diffusing: true });
    expect(await runner.finalContent()).toBe(answer);
  });

  it('cancels what it stops to read', async () => {
    const slow = { ...wanted, max_tokens: 30, slingshot: { steps: 400 } };
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const stream: any = await openai.completions.create({
      ...slow,
      prompt: short.prompt,
      stream: true,
      diffusing: true,
    });
    let id = '';
    for await (const chunk of stream) {
      id = chunk.id;
      break;
    }
    const status = async () => (await service.json(`/v1/generations/${id}`)).body.status;
    await expect.poll(status, { timeout: 20_000 }).toBe('cancelled');
  });

  it('throws errors that say what was wrong, and tries only what may be cured', async () => {
    let requests = 0;
    const counting = clientFor(service.keys.acme, (input, init) => {
      requests++;
      return checkedFetch(input, init);
    });
    const error = await counting.completions.create({ ...wanted, prompt: '' }).catch((thrown: APIError) => thrown);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({
      status: 400,
      code: 'invalid_request',
      param: 'prompt',
      type: 'invalid_request_error',
    });
    expect((error as APIError).message).toMatch(/^400 prompt: /);
    expect((error as APIError).requestID).toBeDefined();
    expect(requests).toBe(1);
    const stranger = clientFor('sl_live_nobody').models.list();
    await expect(stranger).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' });
  });

  it('makes one generation of a 429 and a success', async () => {
    await changeTenant(service.administration, 'other', { tier: 'narrow' });
    const used = async () => {
      const { body } = await service.json('/v1/usage', { key: service.keys.other });
      return body.data.reduce((sum: number, row: { generations: number }) => sum + row.generations, 0);
    };
    const key = service.keys.other;
    const slow = { ...short, max_tokens: 30, slingshot: { steps: 300 } };
    const { body: begun } = await service.json('/v1/generations', { body: slow, key });
    const statuses: number[] = [];
    const patient = clientFor(key, async (input, init) => {
      const response = await checkedFetch(input, init);
      statuses.push(response.status);
      if (response.status === 429) {
        expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
        expect(response.headers.get('x-ratelimit-limit-requests')).toBe('10000');
        await service.call(`/v1/generations/${begun.id}`, { method: 'DELETE', key });
      }
      return response;
    });
    const made = await patient.completions.create({ ...wanted, prompt: short.prompt });
    expect(made.choices[0].text).toBe(completion);
    expect(statuses).toEqual([429, 200]);
    expect(await used()).toBe(2);
  });

  it('sends the same idempotency key when it tries again, which is the same generation', async () => {
    const headers = { 'idempotency-key': 'clients' };
    const ids = await Promise.all(
      [1, 2].map(async () => (await openai.completions.create({ ...wanted, prompt: short.prompt }, { headers })).id),
    );
    expect(new Set(ids).size).toBe(1);
  });
});

describe('AI SDK', () => {
  const provider = () =>
    createOpenAICompatible({
      ...{ name: 'slingshot', baseURL: `${service.url}/v1`, apiKey: service.keys.acme, fetch: checkedFetch },
    });
  const options = { seed, maxOutputTokens: tokens, maxRetries: 0, providerOptions: { slingshot: { slingshot } } };

  it('chats and streams to the same text, drafts or not', async () => {
    const { text, finishReason } = await generateText({ model: provider()(model), messages, ...options });
    expect(text).toBe(answer);
    expect(['length', 'stop']).toContain(finishReason);
    for (const diffusing of [false, true]) {
      const providerOptions = { slingshot: { slingshot, diffusing } };
      const streamed = streamText({ model: provider()(model), messages, ...options, providerOptions });
      let whole = '';
      for await (const part of streamed.textStream) whole += part;
      expect(whole).toBe(answer);
    }
  });

  it('takes a completion model, whose stop text is its own', async () => {
    const { text } = await generateText({ model: provider().completionModel(model), prompt: 'queue', ...options });
    expect(text).not.toContain('\nuser:');
  });

  it('reports an error by its line', async () => {
    const wrong = generateText({ model: provider()('gpt'), messages, ...options });
    await expect(wrong).rejects.toThrow('model: there is no "gpt"; there are core, core+acme');
  });
});

describe('LangChain', () => {
  const configuration = () => ({ baseURL: `${service.url}/v1`, fetch: checkedFetch });
  const common = { model, maxTokens: tokens, maxRetries: 0, modelKwargs: { seed, slingshot } };

  it('completes', async () => {
    const llm = new LangChainOpenAI({ ...common, apiKey: service.keys.acme, configuration: configuration() });
    const text = await llm.invoke(short.prompt);
    expect(text).toBe(completion);
  });

  it('chats and streams to the same text', async () => {
    const chat = new ChatOpenAI({ ...common, apiKey: service.keys.acme, configuration: configuration() });
    expect((await chat.invoke([['user', 'queue']])).content).toBe(answer);
    let whole = '';
    for await (const chunk of await chat.stream([['user', 'queue']])) whole += chunk.content;
    expect(whole).toBe(answer);
  });
});
