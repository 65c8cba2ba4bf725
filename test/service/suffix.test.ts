import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DirectEngine } from '../../lib/direct-engine.ts';
import { messagesOf, serviceAndLoop, type TinyService } from '../support/service.ts';
import { tinyAdaptedFleet } from '../support/tiny-adapted-fleet.ts';

let service: TinyService;
let direct: DirectEngine;
let stop: () => Promise<void>;
beforeAll(async () => {
  ({ service, direct, stop } = await serviceAndLoop(tinyAdaptedFleet));
});
afterAll(() => stop());

const gap = { prompt: 'To create a queue', suffix: ' for another worker to read.', seed: 7 };
const body = { model: 'core', ...gap, max_tokens: 4, top_p: 1 };

describe('a completion with a suffix, of a core that can', () => {
  it('is the text that the plain loop puts into the gap, in one piece and streamed', async () => {
    const { text, tokens } = await direct.generate({ ...gap, tokens: 4, topP: 1 });
    const whole = await service.json('/v1/completions', { body });
    expect(whole.body).toMatchObject({ choices: [{ text }], usage: { completion_tokens: tokens } });
    const streamed = await messagesOf(await service.call('/v1/completions', { body: { ...body, stream: true } }));
    const chunks = streamed.slice(0, -1).map(({ data }) => JSON.parse(data));
    expect(chunks.map(({ choices }) => choices[0].text).join('')).toBe(text);
    // An empty one is none.
    const without = await service.json('/v1/completions', { body: { ...body, suffix: '' } });
    expect(without.body.choices[0].text).not.toBe(text);
  });

  it('goes with a tenant’s own model, for one text, and without log-probabilities', async () => {
    const corrected = await service.json('/v1/completions', { body: { ...body, model: 'core+acme' } });
    const { text } = await direct.generate({ ...gap, tokens: 4, topP: 1, tenant: 'acme' });
    expect(corrected.body.choices[0].text).toBe(text);
    const { status, body: problem } = await service.json('/v1/completions', { body: { ...body, logprobs: 1 } });
    expect([status, problem.error.code, problem.error.param]).toEqual([400, 'unsupported_field', 'logprobs']);
    const several = await service.json('/v1/completions', { body: { ...body, n: 2 } });
    expect([several.status, several.body.error.type]).toEqual([400, 'invalid_request_error']);
  });
});
