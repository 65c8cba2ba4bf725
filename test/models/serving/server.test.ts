import type { Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { close, listen } from '../../../lib/local/listen.ts';
import { Denoiser } from '../../../models/inference/denoiser.ts';
import type { StepModel } from '../../../models/inference/step-model.ts';
import { encodeFrame } from '../../../models/serving/frame.ts';
import { decodeAnswer, encodeInvocation } from '../../../models/serving/protocol.ts';
import { createModelServer, type ServedModel } from '../../../models/serving/server.ts';
import { compress, emptyEnvelope, type LogitsEnvelope, readEnvelope } from '../../../models/ssd2/envelope.ts';
import type { Form } from '../../../models/ssd2/form.ts';
import type { LaneStep } from '../../../models/ssd2/step.ts';
import { tinyConfig, tinyModel } from '../../support/tiny-fleet.ts';

const { block, vocabulary } = tinyConfig;

const lane: LaneStep = {
  context: [5, 6, 7],
  tokens: Array.from({ length: block }, (_, i) => [i + 20]),
  previous: compress(
    Float32Array.from({ length: block * vocabulary }, (_, i) => -1 - Math.sin(i)),
    vocabulary,
    16,
  ),
  ...{ seed: 9, lane: 0, block: 0, step: 2, steps: 6 },
};

const form: Form = {
  ...{ timesteps: [1], wave: true },
  ...{ denoiser: 1, draft: 1, evidence: 1, sharpen: 0, temperature: 1 },
};

let denoiser: Denoiser;
const served = (): ServedModel => ({ denoiser, version: 'v1' });
let server: Server;
let url: string;
beforeAll(async () => {
  denoiser = await Denoiser.create(await tinyModel('core', 1));
  server = createModelServer(Promise.resolve(served()));
  url = await listen(server);
});
afterAll(async () => {
  await close(server);
  await denoiser.release();
});

async function post(body: Uint8Array | string) {
  const response = await fetch(`${url}/invocations`, { method: 'POST', body: Buffer.from(body) });
  return { status: response.status, type: response.headers.get('content-type'), body: await response.bytes() };
}

describe('the model server', () => {
  it('answers /ping with 503 until the model is loaded, then 200', async () => {
    const { promise, resolve } = Promise.withResolvers<ServedModel>();
    const loading = createModelServer(promise);
    const at = await listen(loading);
    expect((await fetch(`${at}/ping`)).status).toBe(503);
    expect((await fetch(`${at}/invocations`, { method: 'POST', body: '{}' })).status).toBe(503);
    resolve(served());
    await promise;
    expect((await fetch(`${at}/ping`)).status).toBe(200);
    await close(loading);
  });

  it('answers lanes with what the denoiser gives', async () => {
    const lanes = [lane, { ...lane, seed: 10, previous: null, given: lane.context.length }];
    const { status, type, body } = await post(encodeInvocation({ lanes, kept: 24, owner: 'x' }));
    expect(status).toBe(200);
    expect(type).toBe('application/octet-stream');
    const { envelopes } = await denoiser.denoise(lanes, 24);
    const echo = { lane: 0, block: 0, step: 2 };
    expect(decodeAnswer(body)).toMatchObject({
      ...{ model: 'core', version: 'v1', envelopes },
      lanes: [
        { seed: 9, ...echo },
        { seed: 10, ...echo },
      ],
    });
  });

  const previous = lane.previous as LogitsEnvelope;
  /** An invocation whose head is changed. */
  const head = (change: (head: Head) => void) => {
    const head = {
      lanes: [{ ...lane, previous: undefined, selfConditioning: previous.bytes.length }],
      kept: 4,
      owner: 'x',
    };
    change(head);
    return encodeFrame(head, [previous.bytes]);
  };
  type Head = { lanes: Record<string, unknown>[]; kept: number; owner: string };
  const first = (fields: Record<string, unknown>) => head(({ lanes }) => Object.assign(lanes[0], fields));
  /** An invocation with self-conditioning that is changed. */
  const conditioned = (spoil: (envelope: LogitsEnvelope) => void) => {
    const spoilt = readEnvelope(previous.bytes);
    spoil(spoilt);
    return encodeInvocation({ lanes: [lane, { ...lane, previous: spoilt }], kept: 4, owner: 'x' });
  };
  const other = (vocabulary: number, positions = block) =>
    compress(new Float32Array(positions * vocabulary).fill(-1), vocabulary, 16);

  it.each<[string, () => Uint8Array | string, string]>([
    ['what is no frame', () => 'not a frame', 'body'],
    ['a head that is not JSON', () => Buffer.concat([Buffer.from([4, 0, 0, 0]), Buffer.from('text')]), 'body'],
    ['a head longer than the body', () => Buffer.from([255, 255, 255, 255]), 'body'],
    ['no lanes', () => encodeFrame({ kept: 4, owner: 'x' }, []), 'lanes'],
    ['an empty list of lanes', () => encodeFrame({ lanes: [], kept: 4, owner: 'x' }, []), 'lanes'],
    ['kept of 0', () => head((invocation) => Object.assign(invocation, { kept: 0 })), 'kept'],
    ["lanes that are nobody's", () => head((invocation) => Object.assign(invocation, { owner: '' })), 'owner'],
    ['a seed that is text', () => first({ seed: 'x' }), 'lanes.0.seed'],
    ['a field unknown', () => first({ colour: 1 }), 'lanes.0'],
    ['a step below 0', () => first({ step: -1 }), 'lanes.0.step'],
    [
      'an adapter that is not served',
      () => head((invocation) => Object.assign(invocation, { adapter: 'x' })),
      'adapter',
    ],
    ['an empty context', () => first({ context: [] }), 'lanes.0.context'],
    ['a context too long', () => first({ context: Array(36).fill(1) }), 'lanes.0.context'],
    ['more that was given than there is', () => first({ given: 4 }), 'lanes.0.given'],
    ['a token unknown', () => first({ context: [300] }), 'lanes.0.context'],
    ['tokens of another block', () => first({ tokens: [[1]] }), 'lanes.0.tokens'],
    ['tokens missing', () => first({ tokens: null }), 'lanes.0.tokens'],
    ['a step past the last', () => first({ step: 6 }), 'lanes.0.step'],
    ['a form of the prior alone', () => first({ form: { ...form, denoiser: 0, draft: 0 } }), 'lanes.0.form.draft'],
    ['bytes that nobody speaks of', () => first({ selfConditioning: 0 }), 'body'],
    ['conditioning cut short', () => first({ selfConditioning: previous.bytes.length - 2 }), 'body'],
    [
      'conditioning of another vocabulary',
      () => encodeInvocation({ lanes: [{ ...lane, previous: other(400) }], kept: 4, owner: 'x' }),
      'lanes.0.selfConditioning',
    ],
    [
      'conditioning of another block',
      () => encodeInvocation({ lanes: [{ ...lane, previous: other(vocabulary, 4) }], kept: 4, owner: 'x' }),
      'lanes.0.selfConditioning',
    ],
    ['NaN', () => conditioned(({ logProbabilities }) => logProbabilities.fill(Number.NaN)), 'lanes.1.selfConditioning'],
    [
      'Infinity',
      () => conditioned(({ logProbabilities }) => logProbabilities.fill(Infinity)),
      'lanes.1.selfConditioning',
    ],
    ['-Infinity', () => conditioned(({ tailLogMass }) => tailLogMass.fill(-Infinity)), 'lanes.1.selfConditioning'],
    ['65504', () => conditioned(({ logProbabilities }) => logProbabilities.fill(65_504)), 'lanes.1.selfConditioning'],
    ['ids twice', () => conditioned(({ ids }) => ids.fill(7)), 'lanes.1.selfConditioning'],
  ])('refuses %s with 400 and the field', async (_, body, field) => {
    const { status, body: answer } = await post(body());
    expect(status).toBe(400);
    const json = JSON.parse(Buffer.from(answer).toString());
    expect(json.field).toBe(field);
    expect(json.error).toMatch(new RegExp(`^${field}[.:]`));
  });

  it('makes no answer that could not be sent, and says how large it would be', async () => {
    let asked = 0;
    const config = { block: 60, vocabulary: 60_000 };
    const wide: StepModel = {
      ...{ name: 'wide', config, release: async () => {} },
      async denoise(lanes, kept) {
        asked++;
        const envelopes = lanes.map(() => emptyEnvelope(config.block, config.vocabulary, kept));
        return { envelopes, timings: { context: 0, noise: 0, model: 0, compress: 0 } };
      },
    };
    const at = createModelServer(Promise.resolve({ denoiser: wide, version: 'v1' }));
    const url = await listen(at);
    const ask = async (lanes: number, kept: number) => {
      const body = Buffer.from(encodeInvocation({ lanes: Array(lanes).fill(lane), kept, owner: 'x' }));
      const response = await fetch(`${url}/invocations`, { method: 'POST', body });
      return { status: response.status, bytes: await response.bytes() };
    };
    // 60 lanes of 12 bytes and of 60 positions, of each 2 bytes and 4 an entry: 436 entries are just below 6 MiB.
    const refused = await ask(60, 437);
    expect(refused.status).toBe(400);
    expect(JSON.parse(Buffer.from(refused.bytes).toString())).toEqual({
      ...{ error: 'kept: 60 lanes of 437 entries a position are 6300720 bytes, at most 6291456', field: 'kept' },
    });
    // All that there are, and more than there are.
    for (const kept of [60_000, 4_000_000]) expect((await ask(1, kept)).status).toBe(400);
    expect(asked).toBe(0);
    expect((await ask(60, 436)).status).toBe(200);
    await close(at);
  });

  it('refuses a body above the limit of SageMaker with 413, and unknown paths with 404', async () => {
    expect((await post('x'.repeat(6 * 2 ** 20 + 1))).status).toBe(413);
    expect((await fetch(`${url}/other`)).status).toBe(404);
  });
});
