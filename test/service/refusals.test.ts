import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { disableKey } from '../../functions/shared/keys/key-store.ts';
import { short, type TinyService, tinyService } from '../support/service.ts';

let service: TinyService;
beforeAll(async () => {
  service = await tinyService({ requestMilliseconds: 1500 });
});
afterAll(() => service.stop());

const json: TinyService['json'] = (path, options) => service.json(path, options);
const errorOf: TinyService['errorOf'] = (path, options) => service.errorOf(path, options);

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
