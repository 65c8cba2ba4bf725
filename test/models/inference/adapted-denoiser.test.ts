import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AdaptedModel } from '../../../models/checkpoint/adapter-directory.ts';
import { AdaptedDenoiser } from '../../../models/inference/adapted-denoiser.ts';
import { compress, type LogitsEnvelope } from '../../../models/ssd2/envelope.ts';
import type { Form } from '../../../models/ssd2/form.ts';
import { callsOf, type Generation, laneSteps, reduceLanes } from '../../../models/ssd2/generation.ts';
import { startLane } from '../../../models/ssd2/lane.ts';
import { gumbel } from '../../../models/ssd2/noise.ts';
import { noiseSimplex } from '../../../models/ssd2/simplex.ts';
import type { LaneStep } from '../../../models/ssd2/step.ts';
import { ReferenceLlama, type ReferenceRow, softmax } from '../../support/reference-llama.ts';
import { tinyAdapted } from '../../support/tiny-base.ts';

const vocabulary = 300;
const block = 5;
const published: Form = {
  timesteps: [0.5],
  wave: false,
  ...{ denoiser: 1, draft: 0, evidence: 1, sharpen: 0, temperature: 1 },
};
const leftToRight: Form = { ...published, timesteps: [1], wave: true, denoiser: 0, draft: 1, evidence: 0 };
const context = Array.from({ length: 9 }, (_, i) => (i * 37 + 5) % vocabulary);
const tokens = [3, 80, 150, 220, 290].map((token) => [token]);
const step: LaneStep = {
  ...{ context, tokens, previous: null, seed: 7, lane: 0, block: 1, step: 2, steps: 10 },
  form: published,
};

/** Log-probabilities that no model gave. */
const previous = compress(
  Float32Array.from(
    Array.from({ length: block }, (_, i) =>
      softmax(Array.from({ length: vocabulary }, (_, v) => 3 * Math.sin(i * 7 + v * 1.3))).map(Math.log),
    ).flat(),
  ),
  vocabulary,
  vocabulary,
);

/**
 * Numbers are rounded to 255 levels on the way into every product, 0.6 % of each (see quantised.test.ts), over two layers
 * of four products and the head; logits here spread over about 10 nats.
 */
const tolerance = 0.35;

function logProbabilities(envelope: LogitsEnvelope, position: number): number[] {
  return [...envelope.logProbabilities.subarray(position * vocabulary, (position + 1) * vocabulary)];
}

function worst(actual: readonly number[], expected: readonly number[]): number {
  return Math.max(...actual.map((value, i) => Math.abs(value - expected[i])));
}

describe.each([
  { shift: true, rank: 3 },
  { shift: false, rank: 3 },
  { shift: true, rank: 'full' },
] as const)('an adapted base, rows shifted: $shift, rank $rank', ({ shift, rank }) => {
  let model: AdaptedModel;
  let denoiser: AdaptedDenoiser;
  let reference: ReferenceLlama;
  beforeAll(async () => {
    model = await tinyAdapted({ shift, rank });
    denoiser = await AdaptedDenoiser.create(model, { threads: 1 });
    reference = new ReferenceLlama(model);
  });
  afterAll(() => denoiser.release());
  const answer = async (lane: LaneStep) => (await denoiser.denoise([lane], vocabulary)).envelopes[0];
  const prior = () => model.adapter.get('prior')?.data as Float32Array;
  const even = () => prior().map((value) => Math.log(0.85 * Math.exp(value) + 0.15 / vocabulary));
  const evidence = (position: number) => {
    const x = new Float32Array(vocabulary);
    noiseSimplex(tokens[position], 0.5, 'posterior', { seed: 7, lane: 0, block: 1, step: 0, position }, x);
    return x;
  };

  it.each([false, true])('denoises as loops in float64 do, given previous logits: %s', async (conditioned) => {
    const clean = context.map((token, i): ReferenceRow => {
      return { embedding: reference.embed(token), position: i, adapted: false };
    });
    const last = context[context.length - 1];
    const before = shift ? [{ embedding: reference.embed(last), position: context.length - 1, adapted: true }] : [];
    const noised = tokens.map((_, i): ReferenceRow => {
      const own = softmax([...evidence(i)].map((value, v) => value + prior()[v]));
      const given = softmax(logProbabilities(previous, i));
      const input = conditioned ? own.map((p, v) => (p + given[v]) / 2) : own;
      return { embedding: reference.embedSimplex(input, 0.5), position: context.length + i, adapted: true };
    });
    const rows = [...clean, ...before, ...noised];
    const logits = reference.logits(rows, (i, j) => (i < clean.length ? j <= i : true));
    const envelope = await answer({ ...step, previous: conditioned ? previous : null });
    for (let position = 0; position < block; position++) {
      const network = logits[clean.length + position];
      const x = evidence(position);
      const expected = softmax(network.map((value, v) => value + x[v])).map(Math.log);
      const actual = logProbabilities(envelope, position);
      // Where the evidence leaves nothing, float16 ends.
      const likely = expected.map((value, v) => (value > -30 ? v : -1)).filter((v) => v >= 0);
      expect(
        worst(
          likely.map((v) => actual[v]),
          likely.map((v) => expected[v]),
        ),
      ).toBeLessThan(tolerance);
    }
  });

  it('adds the next-token logits, the prior and the evidence as the form weighs them', async () => {
    const draft = await answer({ ...step, form: leftToRight });
    const ids = [...context, ...tokens.flat()];
    const rows = ids.map((token, i): ReferenceRow => {
      return { embedding: reference.embed(token), position: i, adapted: false };
    });
    const next = reference.logits(rows, (i, j) => j <= i);
    for (let position = 0; position < block; position++) {
      const expected = softmax(next[context.length - 1 + position]).map(Math.log);
      expect(worst(logProbabilities(draft, position), expected)).toBeLessThan(tolerance);
    }
    const alone = await answer({ ...step, form: { ...published, evidence: 0 } });
    const form = { ...published, draft: 0.5, evidence: 0.25, sharpen: 0.2, temperature: 0.8 };
    const mixed = await answer({ ...step, form });
    for (let position = 0; position < block; position++) {
      const [d, w, x] = [logProbabilities(alone, position), logProbabilities(draft, position), evidence(position)];
      const sum = d.map((value, v) => {
        const network = value + 0.5 * (w[v] - even()[v]);
        return (network + 0.2 * (network - even()[v])) / 0.8 + 0.25 * x[v];
      });
      const expected = softmax(sum).map(Math.log);
      // Both sides were rounded to float16 once, up to 1/64 nat at 20 nats, and the sum weighs that by up to 2.
      expect(worst(logProbabilities(mixed, position), expected)).toBeLessThan(0.1);
    }
  });

  it('refuses lanes whose forms ask for different rows, and says which', () => {
    const both = { ...published, draft: 0.5 };
    for (const [first, second, message] of [
      [published, leftToRight, 'lanes.1.form: asks for draft, lane 0 for denoiser'],
      [both, published, 'lanes.1.form: asks for denoiser, lane 0 for denoiser and draft'],
      [leftToRight, undefined, 'lanes.1.form: asks for denoiser, lane 0 for draft'],
    ] as const) {
      const lanes = [first, second].map((form): LaneStep => ({ ...step, form }));
      expect(() => denoiser.denoise(lanes, vocabulary)).toThrow(message);
    }
  });

  it('mixes lanes that ask for the same rows, each in its own form', async () => {
    const forms = [
      { ...published, draft: 0.5 },
      { ...published, draft: 0.2, temperature: 0.7, sharpen: 0.3 },
    ];
    const { envelopes } = await denoiser.denoise(
      forms.map((form) => ({ ...step, form })),
      vocabulary,
    );
    for (const [i, form] of forms.entries()) {
      expect(envelopes[i].bytes).toEqual((await answer({ ...step, form })).bytes);
    }
  });

  it('answers a lane with the same bits alone and among others', async () => {
    const other = { ...step, context: context.slice(0, 4), seed: 8 };
    const { envelopes } = await denoiser.denoise([step, { ...step, seed: 9 }], vocabulary);
    expect(envelopes[0].bytes).toEqual((await answer(step)).bytes);
    expect(envelopes[1].bytes).toEqual((await answer({ ...step, seed: 9 })).bytes);
    expect((await answer(other)).bytes).not.toEqual(envelopes[0].bytes);
  });

  it('is moved by previous logits as far as its roundings do not reach', async () => {
    const [without, given] = [await answer(step), await answer({ ...step, previous })];
    const moved = Array.from({ length: block }, (_, i) =>
      worst(logProbabilities(without, i), logProbabilities(given, i)),
    );
    expect(Math.max(...moved)).toBeGreaterThan(2 * tolerance);
  });

  it('tells contexts of one length apart, whichever came before', async () => {
    const contexts = [context, context.with(0, 6), context.with(4, 6), context.with(-1, 6)];
    const fresh = await Promise.all(
      contexts.map(async (ids) => {
        const alone = await AdaptedDenoiser.create(await tinyAdapted({ shift, rank }), { threads: 1 });
        const { envelopes } = await alone.denoise([{ ...step, context: ids }], vocabulary);
        await alone.release();
        return envelopes[0].bytes;
      }),
    );
    expect(new Set(fresh.map(String)).size).toBe(contexts.length);
    for (let round = 0; round < 2; round++) {
      for (const [i, ids] of contexts.entries()) {
        expect((await answer({ ...step, context: ids })).bytes).toEqual(fresh[i]);
      }
    }
  });

  it('encodes a long context to the same numbers however it grew', async () => {
    const long = Array.from({ length: 150 }, (_, i) => (i * 53 + 1) % vocabulary);
    const fresh = await AdaptedDenoiser.create(await tinyAdapted({ shift, rank }), { threads: 1 });
    for (let length = 20; length < 150; length += 26) await answer({ ...step, context: long.slice(0, length) });
    const grown = await answer({ ...step, context: long });
    const { envelopes } = await fresh.denoise([{ ...step, context: long }], vocabulary);
    await fresh.release();
    expect(grown.bytes).toEqual(envelopes[0].bytes);
  });

  it('writes, left to right, the text that sampling token by token with the same noise writes', async () => {
    let generation: Generation = {
      decoding: {
        form: leftToRight,
        members: [{ name: 'core', coefficient: 1, routes: [{ from: 0, to: 1, endpoint: { endpoint: 'core' } }] }],
        ...{ steps: 50, block, vocabulary, projection: 'sample', topP: 1, selfConditioning: 'none' },
        halting: { stopAt: 0, patience: 1, entropy: 0 },
        kept: vocabulary,
      },
      ...{ tokens: 2 * block, endOfText: vocabulary, block: 0, step: 0 },
      lanes: [startLane(3)],
    };
    for (let calls = callsOf(generation); calls.length > 0; calls = callsOf(generation)) {
      const { envelopes } = await denoiser.denoise(laneSteps(generation, calls[0], [context], null), vocabulary);
      generation = reduceLanes(generation, new Map([['core', { lanes: [0], envelopes }]])).generation;
    }
    const text = [...context];
    for (let i = 0; i < 2 * block; i++) {
      // A block of its own position shows each token's distribution from the tokens before it.
      const envelope = await answer({ ...step, context: text, tokens: null, step: 0, form: leftToRight });
      const address = { seed: 3, lane: 0, block: Math.floor(i / block), step: 0, position: i % block };
      const scores = logProbabilities(envelope, 0).map((value, v) => value + gumbel(address, v));
      text.push(scores.indexOf(Math.max(...scores)));
    }
    expect(generation.lanes[0].committed).toEqual(text.slice(context.length));
    expect(generation.lanes[0].steps).toBeLessThanOrEqual(2 * block);
  });

  it('scores the text after a gap as reading it token by token does', async () => {
    const suffix = [12, 250, 99];
    const gap = [41, 7];
    const choice = { suffix, round: 0, rounds: 1 };
    const generation: Generation = {
      decoding: {
        form: leftToRight,
        members: [{ name: 'core', coefficient: 1, routes: [{ from: 0, to: 1, endpoint: { endpoint: 'core' } }] }],
        ...{ steps: 50, block, vocabulary, projection: 'sample', topP: 1, selfConditioning: 'none' },
        halting: { stopAt: 0, patience: 1, entropy: 0 },
        kept: vocabulary,
      },
      ...{ tokens: 2, endOfText: 0, block: 1, step: 0, choice },
      lanes: [{ ...startLane(3), committed: [...gap, 5, 5, 5], done: true }],
    };
    const [call] = callsOf(generation);
    const { envelopes } = await denoiser.denoise(laneSteps(generation, call, [context], null), vocabulary);
    const scored = reduceLanes(generation, new Map([['core', { lanes: [0], envelopes }]])).generation;
    let expected = 0;
    for (const [i, token] of suffix.entries()) {
      const text = [...context, ...gap, ...suffix.slice(0, i)];
      const form = { ...leftToRight, wave: false };
      expected += logProbabilities(await answer({ ...step, context: text, tokens: null, step: 0, form }), 0)[token];
    }
    // Three float16 of about 10 nats.
    expect(scored.lanes[0].logProbability).toBeCloseTo(expected, 1);
  });
});
