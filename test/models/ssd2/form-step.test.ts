import { describe, expect, it } from 'vitest';
import type { Decoding } from '../../../models/ssd2/decoding.ts';
import { compress, type LogitsEnvelope } from '../../../models/ssd2/envelope.ts';
import { type Form, formSchema, positionTimesteps } from '../../../models/ssd2/form.ts';
import { gumbel } from '../../../models/ssd2/noise.ts';
import { type BlockState, reduceStep, startOfBlock } from '../../../models/ssd2/step.ts';
import { decodingOf } from '../../support/generation.ts';

const vocabulary = 12;
const block = 6;
const address = { seed: 5, lane: 0, block: 2 };
const form: Form = {
  ...{ timesteps: [0.9, 0.6, 0.3], wave: true },
  ...{ denoiser: 0, draft: 1, evidence: 0, sharpen: 0, temperature: 1 },
};
const decoding = (changes: Partial<Decoding> = {}) =>
  decodingOf({
    ...{ block, vocabulary, kept: vocabulary, steps: 50, topP: 1, selfConditioning: 'none', form },
    ...changes,
  });

/** A made-up model of the next token, which looks at all tokens before it. */
function nextToken(before: readonly number[]): number[] {
  const mixed = before.reduce((sum, token, i) => (sum * 31 + token * (i + 3)) % 9973, 17);
  const logits = Array.from({ length: vocabulary }, (_, v) => 2 * Math.sin(mixed * (v + 1)));
  const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
  return logits.map((logit) => logit - total);
}

/** Its answer to a step: at each position what follows the tokens chosen before. */
function answerTo({ tokens }: BlockState): LogitsEnvelope {
  const chosen = (tokens ?? []).map(([token]) => token);
  const rows = Array.from({ length: block }, (_, i) => nextToken(chosen.slice(0, i)));
  return compress(Float32Array.from(rows.flat()), vocabulary, vocabulary);
}

/** Every state of a block, the last one done. */
function run(settings: Decoding, needed = block, answer = answerTo): BlockState[] {
  const states: BlockState[] = [];
  let state = startOfBlock;
  for (let step = 0; !state.done; step++) {
    ({ state } = reduceStep(settings, { ...address, step }, state, new Map([['core', answer(state)]]), { needed }));
    states.push(state);
  }
  return states;
}

/** The tokens chosen one after the other, each with its position's noise. */
function oneByOne(choose: (logits: readonly number[], position: number) => number): number[] {
  const tokens: number[] = [];
  for (let position = 0; position < block; position++) tokens.push(choose(nextToken(tokens), position));
  return tokens;
}
const largest = (scores: readonly number[]) => scores.indexOf(Math.max(...scores));
const sampled = oneByOne((logits, position) =>
  largest(logits.map((logit, v) => logit + gumbel({ ...address, step: 0, position }, v))),
);

describe('a block that settles from the left', () => {
  it('ends in what sampling token after token gives, whatever its noise made of it first', () => {
    expect(run(decoding()).at(-1)?.argmax).toEqual(sampled);
    expect(run(decoding({ projection: 'greedy' })).at(-1)?.argmax).toEqual(oneByOne(largest));
    expect(sampled).not.toEqual(oneByOne(largest));
  });

  it('settles at least one position more a step, and never takes one back', () => {
    const states = run(decoding());
    expect(states.length).toBeLessThanOrEqual(block + 1);
    let before = 0;
    for (const { settled = 0, argmax } of states) {
      expect(settled).toBeGreaterThan(before);
      expect(settled).toBeLessThanOrEqual(block);
      expect(argmax.slice(0, settled)).toEqual(sampled.slice(0, settled));
      before = settled;
    }
    expect(states.at(-1)).toMatchObject({ settled: block, done: true });
  });

  it('keeps what is settled, even where a model now says otherwise', () => {
    const [first, second] = run(decoding());
    const settled = second.settled as number;
    const other = compress(
      Float32Array.from({ length: block * vocabulary }, (_, i) => (i % vocabulary === 3 ? 0 : -30)),
      vocabulary,
      vocabulary,
    );
    const { state } = reduceStep(decoding(), { ...address, step: 2 }, second, new Map([['core', other]]));
    expect(state.argmax.slice(0, settled)).toEqual(second.argmax.slice(0, settled));
    // One position is asked about; what stands behind it stays.
    expect(state.argmax.slice(settled)).toEqual([3, ...second.argmax.slice(settled + 1)]);
    expect(first.settled).toBeLessThan(settled);
  });

  it('is done as soon as the positions that are needed are settled', () => {
    const whole = run(decoding());
    for (let needed = 1; needed <= block; needed++) {
      const states = run(decoding(), needed);
      expect(states).toHaveLength(whole.findIndex(({ settled = 0 }) => settled >= needed) + 1);
      expect(states.at(-1)?.argmax.slice(0, needed)).toEqual(sampled.slice(0, needed));
    }
  });

  it('settles one position a step, also where the choice is what stood there already', () => {
    // A model that is sure of one token everywhere, and so of those that nobody asked about, too.
    const sure = compress(
      Float32Array.from({ length: block * vocabulary }, (_, i) => (i % vocabulary === 3 ? 0 : -30)),
      vocabulary,
      vocabulary,
    );
    const states = run(decoding(), block, () => sure);
    expect(states.map(({ settled }) => settled)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('is done once a token that ends the text is settled', () => {
    for (const end of new Set(sampled)) {
      let state = startOfBlock;
      let steps = 0;
      for (; !state.done; steps++) {
        const answers = new Map([['core', answerTo(state)]]);
        const ends = (token: number) => token === end;
        ({ state } = reduceStep(decoding(), { ...address, step: steps }, state, answers, { ends }));
      }
      expect(steps).toBe(sampled.indexOf(end) + 1);
      expect(state.argmax.slice(0, steps)).toEqual(sampled.slice(0, steps));
    }
  });

  it('takes no more steps than it is given', () => {
    expect(run(decoding({ steps: 2 }))).toHaveLength(2);
    expect(run(decoding({ steps: 2 })).map(({ done }) => done)).toEqual([false, true]);
  });
});

describe('a block that is denoised as a whole', () => {
  const whole = { ...form, wave: false };

  it('is done when a step changes nothing, after all of its timesteps, and says how long nothing changed', () => {
    const states = run(decoding({ form: whole }));
    expect(states.at(-1)?.argmax).toEqual(sampled);
    expect(states.map(({ settled }) => settled)).toEqual(states.map(() => undefined));
    const [before, last] = states.slice(-2);
    expect(last.argmax).toEqual(before.argmax);
    expect(last.unchanged).toBe(before.unchanged + 1);
    // A model that always says the same changes nothing from the second step on, but has three timesteps to go through.
    const same = run(decoding({ form: whole }), undefined, () => answerTo(startOfBlock));
    expect(same.map(({ unchanged, done }) => [unchanged, done])).toEqual([
      [0, false],
      [1, false],
      [2, true],
    ]);
  });
});

describe('what a step tells of itself', () => {
  it('is how sure it is, in the mean over positions, and what has changed', () => {
    // At position i token i has all but what eleven others share.
    const shares = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4];
    const rows = shares.flatMap((share, i) =>
      Array.from({ length: vocabulary }, (_, v) => Math.log(v === i ? share : (1 - share) / (vocabulary - 1))),
    );
    const answers = new Map([['core', compress(Float32Array.from(rows), vocabulary, vocabulary)]]);
    const greedy = decoding({ projection: 'greedy', form: { ...form, wave: false } });
    const { state, report } = reduceStep(greedy, { ...address, step: 0 }, startOfBlock, answers);
    expect(report).toMatchObject({ step: 0, tokens: [0, 1, 2, 3, 4, 5], changed: [0, 1, 2, 3, 4, 5] });
    // Log-probabilities pass in float16, of 10 bits.
    expect(report.confidence).toBeCloseTo(0.65, 2);
    const entropies = shares.map((p) => -p * Math.log(p) - (1 - p) * Math.log((1 - p) / (vocabulary - 1)));
    expect(report.entropy).toBeCloseTo(entropies.reduce((sum, one) => sum + one, 0) / block, 2);
    const again = reduceStep(greedy, { ...address, step: 1 }, { ...state, argmax: [0, 1, 2, 9, 4, 5] }, answers);
    expect(again.report.changed).toEqual([3]);
  });
});

describe('what a step tells of a block that is decided from the left', () => {
  it('is of the positions that were asked about alone', () => {
    let state = startOfBlock;
    for (let step = 0; step < block; step++) {
      const answers = new Map([['core', answerTo(state)]]);
      const reduced = reduceStep(decoding(), { ...address, step }, state, answers, { detailed: true });
      const { report } = reduced;
      expect(report.tokens).toEqual(sampled.slice(0, step + 1));
      expect(report.probabilities).toHaveLength(step + 1);
      expect(report.positions).toHaveLength(step + 1);
      ({ state } = reduced);
    }
    expect(state.done).toBe(true);
  });
});

describe("a form's numbers", () => {
  const takes = (changes: object) => formSchema.safeParse({ ...form, ...changes }).success;

  // The last values inside, and the first outside.
  it.each([
    ['denoiser', [0, 4], [-1e-9, 4.001]],
    ['draft', [1e-9, 4], [-1e-9, 4.001]],
    ['evidence', [0, 4], [-1e-9, 4.001]],
    ['sharpen', [0, 4], [-1e-9, 4.001]],
    ['temperature', [1e-9, 4], [0, 4.001]],
    ['timesteps', [[1e-9], [1], Array(64).fill(0.5)], [[], [0], [1.001], Array(65).fill(0.5)]],
  ])('%s: %j are taken, %j refused', (field, inside, outside) => {
    expect((inside as unknown[]).map((value) => takes({ [field]: value }))).toEqual(inside.map(() => true));
    expect((outside as unknown[]).map((value) => takes({ [field]: value }))).toEqual(outside.map(() => false));
  });

  it('leave something that depends on the text', () => {
    const { error } = formSchema.safeParse({ ...form, draft: 0, denoiser: 0, evidence: 1 });
    expect(error?.issues).toMatchObject([{ path: ['draft'], message: expect.stringContaining('one of them must') }]);
    expect(takes({ draft: 0, denoiser: 1e-9 })).toBe(true);
  });
});

describe("a form's timesteps", () => {
  it('go by the distance from what is settled, the last one for all beyond, and a settled position has none', () => {
    expect(positionTimesteps(form, 7, 2, block)).toEqual([0, 0, 0.9, 0.6, 0.3, 0.3]);
    expect(positionTimesteps(form, 7, 0, block)).toEqual([0.9, 0.6, 0.3, 0.3, 0.3, 0.3]);
  });

  it('go by the step where the whole block is denoised', () => {
    const at = (step: number) => positionTimesteps({ ...form, wave: false }, step, 0, 2);
    expect([0, 1, 2, 3].map(at)).toEqual([
      [0.9, 0.9],
      [0.6, 0.6],
      [0.3, 0.3],
      [0.3, 0.3],
    ]);
  });
});
