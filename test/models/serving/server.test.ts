import type { Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { close, listen } from '../../../lib/local/listen.ts';
import { Denoiser } from '../../../models/inference/denoiser.ts';
import { decodeEnvelope, encodeEnvelope, encodeLane } from '../../../models/serving/protocol.ts';
import { createModelServer } from '../../../models/serving/server.ts';
import { compress } from '../../../models/ssd2/envelope.ts';
import type { LaneStep } from '../../../models/ssd2/step.ts';
import { tinyConfig, tinyModel } from '../../support/tiny-fleet.ts';

const { block, vocabulary } = tinyConfig;

const lane: LaneStep = {
  context: [5, 6, 7],
  tokens: Array.from({ length: block }, (_, i) => [i + 20]),
  previous: compress(
    Float32Array.from({ length: block * vocabulary }, (_, i) => Math.sin(i)),
    vocabulary,
    16,
  ),
  ...{ seed: 9, lane: 0, block: 0, step: 2, steps: 6 },
};

let denoiser: Denoiser;
let server: Server;
let url: string;
beforeAll(async () => {
  denoiser = await Denoiser.create(await tinyModel('core', 1));
  server = createModelServer(Promise.resolve(denoiser));
  url = await listen(server);
});
afterAll(async () => {
  await close(server);
  await denoiser.release();
});

async function post(body: unknown): Promise<{ status: number; json: Record<string, unknown> }> {
  const response = await fetch(`${url}/invocations`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

describe('the model server', () => {
  it('answers /ping with 503 until the model is loaded, then 200', async () => {
    const { promise, resolve } = Promise.withResolvers<Denoiser>();
    const loading = createModelServer(promise);
    const at = await listen(loading);
    expect((await fetch(`${at}/ping`)).status).toBe(503);
    expect((await fetch(`${at}/invocations`, { method: 'POST', body: '{}' })).status).toBe(503);
    resolve(denoiser);
    await promise;
    expect((await fetch(`${at}/ping`)).status).toBe(200);
    await close(loading);
  });

  it('answers lanes with what the denoiser gives', async () => {
    const { status, json } = await post({ lanes: [encodeLane(lane), encodeLane({ ...lane, seed: 10 })], kept: 24 });
    expect(status).toBe(200);
    const { envelopes } = await denoiser.denoise([lane, { ...lane, seed: 10 }], 24);
    expect(json.lanes).toEqual(envelopes.map(encodeEnvelope));
    expect(decodeEnvelope(encodeEnvelope(envelopes[0]))).toEqual(envelopes[0]);
  });

  const good = () => encodeLane(lane);
  const condition = () => good().selfConditioning as NonNullable<ReturnType<typeof good>['selfConditioning']>;
  it.each([
    ['body', () => 'not JSON', undefined],
    ['lanes', () => ({ kept: 4 }), 'lanes'],
    ['no lanes', () => ({ lanes: [], kept: 4 }), 'lanes'],
    ['kept', () => ({ lanes: [good()], kept: 0 }), 'kept'],
    ['seed', () => ({ lanes: [{ ...good(), seed: 'x' }], kept: 4 }), 'lanes.0.seed'],
    ['a second lane', () => ({ lanes: [good(), { ...good(), step: -1 }], kept: 4 }), 'lanes.1.step'],
    ['an empty context', () => ({ lanes: [{ ...good(), context: [] }], kept: 4 }), 'lanes.0.context'],
    ['a context too long', () => ({ lanes: [{ ...good(), context: Array(36).fill(1) }], kept: 4 }), 'lanes.0.context'],
    ['a token unknown', () => ({ lanes: [{ ...good(), context: [300] }], kept: 4 }), 'lanes.0.context'],
    ['tokens of another block', () => ({ lanes: [{ ...good(), tokens: [[1]] }], kept: 4 }), 'lanes.0.tokens'],
    ['tokens missing', () => ({ lanes: [{ ...good(), tokens: null }], kept: 4 }), 'lanes.0.tokens'],
    ['a step past the last', () => ({ lanes: [{ ...good(), step: 6 }], kept: 4 }), 'lanes.0.step'],
    [
      'conditioning cut short',
      () => ({ lanes: [{ ...good(), selfConditioning: { ...condition(), ids: 'AAAA' } }], kept: 4 }),
      'lanes.0.selfConditioning',
    ],
    [
      'conditioning of another vocabulary',
      () => ({ lanes: [{ ...good(), selfConditioning: { ...condition(), vocabulary: 400 } }], kept: 4 }),
      'lanes.0.selfConditioning',
    ],
  ])('refuses %s with 400 and the field', async (_, body, field) => {
    const { status, json } = await post(body());
    expect(status).toBe(400);
    expect(json.field).toBe(field);
    expect(json.error).toEqual(expect.any(String));
  });

  it('refuses a body above the limit of SageMaker with 413, and unknown paths with 404', async () => {
    expect((await post('x'.repeat(6 * 2 ** 20 + 1))).status).toBe(413);
    expect((await fetch(`${url}/other`)).status).toBe(404);
  });
});
