import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditOf } from '../../functions/shared/audit.ts';
import { addKey } from '../../functions/shared/keys/key-store.ts';
import { usageOf } from '../../functions/shared/metering.ts';
import { tenantPartition } from '../../lib/administration/administration.ts';
import { changeTenant } from '../../lib/administration/tenants.ts';
import type { DirectEngine } from '../../lib/direct-engine.ts';
import { close, listen } from '../../lib/local/listen.ts';
import { faultyEndpoint } from '../chaos/faulty-endpoint.ts';
import { messagesOf, serviceAndLoop, short, type TinyService } from '../support/service.ts';

let service: TinyService;
let direct: DirectEngine;
let stop: () => Promise<void>;
let stand: ReturnType<typeof faultyEndpoint>;
/** From its second block on, acme's model is not there. */
const lostFrom = 1;
beforeAll(async () => {
  ({ service, direct, stop } = await serviceAndLoop());
  const container = service.cloud.endpoints.get('slingshot-tenant-acme') as string;
  stand = faultyEndpoint({
    ...{ container: () => container, timeoutMilliseconds: 1500 },
    fault: async (_, [{ block }]) => (block >= lostFrom ? 'rejects' : undefined),
  });
  service.cloud.endpoints.set('slingshot-tenant-acme', await listen(stand));
});
afterAll(async () => {
  await close(stand);
  await stop();
});

const corrected = { ...short, model: 'core+acme' };
const goesOn = { ...corrected, slingshot: { ...short.slingshot, degradation: 'core' } };
const told = { without: ['tenant:acme'], tenantBlocks: lostFrom, tokens: 7, error: 'bad_answer' };
const header = '"tenant:acme";tenant-blocks=1;tokens=7;error=bad_answer';

/** What the same request has where the core goes on alone from the second block on. */
async function expectedText(): Promise<string> {
  const request = { prompt: short.prompt, tokens: 12, seed: 7, steps: 6, tenant: 'acme', tenantBlocks: lostFrom };
  return (await direct.generate(request)).text;
}

describe('a tenant’s model that does not answer', () => {
  it('ends a generation, unless the request goes on without it', async () => {
    expect(await service.errorOf('/v1/completions', { body: corrected })).toEqual([502, 'bad_answer', null]);
    const { status, headers, body } = await service.json('/v1/completions', { body: goesOn });
    expect(status).toBe(200);
    expect(headers.get('slingshot-degraded')).toBe(header);
    expect(body.choices[0].text).toBe(await expectedText());
    expect(body.slingshot.degraded).toEqual(told);
    // What it says of itself makes the same text again.
    const slingshot = { ...short.slingshot, tenantBlocks: body.slingshot.degraded.tenantBlocks };
    const again = await service.json('/v1/completions', { body: { ...corrected, slingshot } });
    expect(again.body.choices[0].text).toBe(body.choices[0].text);
    expect(again.body.slingshot.degraded).toBeUndefined();
    expect(again.headers.get('slingshot-degraded')).toBeNull();
  });

  it('is told of in streams, and their last chunks', async () => {
    const body = { ...goesOn, stream: true, stream_options: { include_usage: true }, diffusing: true, logprobs: 1 };
    const messages = await messagesOf(await service.call('/v1/completions', { body }));
    const chunks = messages.filter(({ data }) => data !== '[DONE]').map(({ data }) => JSON.parse(data));
    expect(chunks.map(({ choices }) => choices[0]?.text ?? '').join('')).toBe(await expectedText());
    const commits = chunks.filter(({ slingshot }) => slingshot?.type === 'commit');
    expect(commits.map(({ slingshot }) => slingshot.degraded?.tokens)).toEqual([undefined, 5, 7]);
    expect(chunks.find(({ choices }) => choices[0]?.finish_reason).slingshot).toEqual({
      type: 'degraded',
      degraded: told,
    });
    expect(chunks.at(-1).slingshot.degraded).toEqual(told);
    // Drafts of both tries of a block come in order, and what is told of its tokens is the last one's.
    const numbers = chunks.flatMap(({ slingshot }) => (slingshot?.sequence === undefined ? [] : [slingshot.sequence]));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    for (const { choices, slingshot } of commits.slice(lostFrom)) {
      const last = chunks.findLast((one) => one.slingshot?.type === 'step' && one.slingshot.block === slingshot.block);
      expect(Object.keys(last.slingshot.routes)).toEqual(['core']);
      expect(choices[0].logprobs.tokens).toEqual(last.slingshot.tokens.slice(0, choices[0].logprobs.tokens.length));
    }
  });

  it('is told of by the generation, its events and the usage', async () => {
    const made = await service.json('/v1/generations', {
      body: { ...goesOn, events: true },
      headers: { prefer: 'wait=30' },
    });
    expect(made.body).toMatchObject({ status: 'succeeded', degraded: told });
    expect(made.headers.get('slingshot-degraded')).toBe(header);
    const path = `/v1/generations/${made.body.id}`;
    expect((await service.json(path)).headers.get('slingshot-degraded')).toBe(header);
    const events = await messagesOf(await service.call(`${path}/events`));
    const { data } = events.findLast(({ event }) => event === 'commit') ?? {};
    expect(JSON.parse(data ?? '').degraded).toEqual(told);
    expect(JSON.parse(events.at(-1)?.data ?? '').degraded).toEqual(told);
    const { body: usage } = await service.json('/v1/usage');
    const row = usage.data.find(({ model }: { model: string }) => model === 'core+acme');
    expect(row.degraded_tokens).toBeGreaterThanOrEqual(7);
    expect(row.degraded_tokens % 7).toBe(0);
    const today = new Date().toISOString().slice(0, 10);
    const table = tenantPartition(service.administration, 'acme');
    const [ours] = (await usageOf('acme', { from: today, to: today }, table)).filter(
      ({ degradedTokens }) => degradedTokens > 0,
    );
    expect(ours.tokens).toBeGreaterThan(ours.degradedTokens);
  });

  it('is the tenant’s to say, where a request does not', async () => {
    const { administration } = service;
    await changeTenant(administration, 'acme', { degradation: 'core' });
    // A key that nobody asked with before: what it is for is remembered for a minute.
    const { key } = await addKey(administration, 'acme');
    const { body } = await service.json('/v1/completions', { body: corrected, key });
    expect(body.slingshot.degraded).toEqual(told);
    const failing = { ...corrected, slingshot: { ...short.slingshot, degradation: 'fail' } };
    expect((await service.json('/v1/completions', { body: failing, key })).status).toBe(502);
    // Nothing of it concerns a request without the tenant's model.
    const alone = await service.json('/v1/completions', { body: short, key });
    expect([alone.status, alone.body.slingshot.degraded]).toEqual([200, undefined]);
    const audited = await auditOf(administration, new Date().toISOString().slice(0, 7));
    expect(audited.at(-2) ?? {}).toMatchObject({
      act: 'tenants set',
      tenant: 'acme',
      details: { degradation: 'core' },
    });
    await expect(changeTenant(administration, 'acme', { degradation: 'later' as 'core' })).rejects.toThrow(
      'degradation later: there is none; there are fail, core',
    );
    await changeTenant(administration, 'acme', { degradation: 'fail' });
  });

  it('is no matter of a request without a tenant’s model', async () => {
    const slingshot = { ...short.slingshot, degradation: 'core' };
    const path = '/v1/completions';
    expect(await service.errorOf(path, { body: { ...short, slingshot } })).toEqual([
      400,
      'invalid_request',
      'slingshot.degradation',
    ]);
  });

  it('is told of by the rows of a batch that went on without it, and by no others', async () => {
    const client = new OpenAI({ baseURL: `${service.url}/v1`, apiKey: service.keys.acme, maxRetries: 0 });
    const rows = [goesOn, short].map((body, i) => ({
      ...{ custom_id: `row-${i}`, method: 'POST', url: '/v1/completions', body },
    }));
    const bytes = Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n'));
    const { id: input } = await client.files.create({ file: await toFile(bytes, 'rows'), purpose: 'batch' });
    const request = { input_file_id: input, endpoint: '/v1/completions' as const, completion_window: '24h' as const };
    const { id } = await client.batches.create(request);
    const isOver = async () => (await client.batches.retrieve(id)).status;
    await expect.poll(isOver, { timeout: 30_000, interval: 100 }).toBe('completed');
    const { output_file_id: output, request_counts } = await client.batches.retrieve(id);
    expect(request_counts).toEqual({ total: 2, completed: 2, failed: 0 });
    const content = await (await client.files.content(output as string)).text();
    const [degraded, whole] = content
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).response.body);
    expect(degraded.choices[0].text).toBe(await expectedText());
    expect(degraded.slingshot.degraded).toEqual(told);
    expect(whole.slingshot.degraded).toBeUndefined();
    const { body: usage } = await service.json('/v1/usage');
    const row = usage.data.find(({ model }: { model: string }) => model === 'batch');
    expect(row).toMatchObject({ tokens: 24, degraded_tokens: 7 });
  });
});
