import { describe, expect, it } from 'vitest';
import { type Choice, chosenLane } from '../../../models/ssd2/choice.ts';
import { compress } from '../../../models/ssd2/envelope.ts';
import type { Form } from '../../../models/ssd2/form.ts';
import { callsOf, type Generation, isDone, laneSteps, reduceLanes } from '../../../models/ssd2/generation.ts';
import { generatedTokens, startCandidates, startLane } from '../../../models/ssd2/lane.ts';
import { decodingOf } from '../../support/generation.ts';

const vocabulary = 12;
const block = 6;
const endOfText = 0;
const prompt = [3, 7];
const suffix = [5, 1, 8];
const form: Form = {
  ...{ timesteps: [1], wave: true, denoiser: 0, draft: 1, evidence: 0, sharpen: 0, temperature: 1 },
};

/** A made-up next-token model that looks at all of the text; `ends` are its nats for end-of-text beside the others'. */
function nextToken(text: readonly number[], ends = -1): number[] {
  const mixed = text.reduce((sum, token, i) => (sum * 31 + token * (i + 3)) % 9973, 17);
  const logits = Array.from({ length: vocabulary }, (_, v) => 2 * Math.sin(mixed * (v + 1)));
  logits[endOfText] = ends;
  const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
  return logits.map((logit) => logit - total);
}

function logProbability(before: readonly number[], text: readonly number[], ends?: number): number {
  return text.reduce((sum, token, i) => sum + nextToken([...before, ...text.slice(0, i)], ends)[token], 0);
}

/** Runs a generation to its end, every step answered by the made-up model. */
function run(start: Generation, ends?: number): Generation {
  let generation = start;
  const contexts = start.choice ? [prompt] : start.lanes.map(() => prompt);
  while (!isDone(generation)) {
    const [call] = callsOf(generation);
    const envelopes = laneSteps(generation, call, contexts, null).map(({ context, tokens }) => {
      const text = [...context, ...(tokens ?? []).map(([token]) => token)];
      const rows = Array.from({ length: block }, (_, i) => nextToken(text.slice(0, context.length + i), ends));
      return compress(Float32Array.from(rows.flat()), vocabulary, vocabulary);
    });
    ({ generation } = reduceLanes(generation, new Map([['core', { lanes: call.lanes, envelopes }]])));
  }
  return generation;
}

function start(seed: number, lengths: readonly number[], choice?: Choice): Generation {
  return {
    decoding: decodingOf({ form, block, vocabulary, kept: vocabulary, topP: 1, steps: 100, selfConditioning: 'none' }),
    ...{ tokens: Math.max(...lengths), endOfText, block: 0, step: 0, lanes: startCandidates(seed, lengths) },
    ...(choice ? { choice } : {}),
  };
}

function textsOf(generation: Generation): (readonly number[])[] {
  return generation.lanes.map((lane) => generatedTokens(generation, lane));
}

/** The text chosen of a generation whose candidates are scored so. */
function chosen(seed: number, lengths: readonly number[], choice: Choice, ends?: number): readonly number[] {
  const generation = run(start(seed, lengths, choice), ends);
  return textsOf(generation)[chosenLane(generation, choice)];
}

const seeds = Array.from({ length: 25 }, (_, i) => i);
const lengths = [2, 3, 4, 6, 7, 9];
/** Log-probabilities pass in float16, of 10 bits. */
const tolerance = 0.02;

describe('candidates for a gap', () => {
  it('are each the text that it is alone, of its own length', () => {
    const together = textsOf(run(start(4, lengths)));
    const alone = lengths.map((tokens, lane) => {
      const single = { ...start(4, [tokens]), lanes: [{ ...startLane(4), lane }] };
      return generatedTokens(single, run(single).lanes[0]);
    });
    expect(together).toEqual(alone);
    expect(together.map(({ length }) => length)).toContain(9);
  });

  it('are chosen by the likelihood of the text after the gap', () => {
    const orders = new Set<number>();
    for (const seed of seeds) {
      const texts = textsOf(run(start(seed, lengths))).filter(({ length }, i) => length === lengths[i]);
      const best = Math.max(...texts.map((text) => logProbability([...prompt, ...text], suffix)));
      const text = chosen(seed, lengths, { suffix, round: 0, rounds: 1 });
      orders.add(texts.findIndex((one) => String(one) === String(text)));
      expect(logProbability([...prompt, ...text], suffix)).toBeGreaterThan(best - tolerance);
    }
    expect(orders.size).toBeGreaterThan(3);
  });

  it.each([1, 2])('have the last %i tokens looked at again, with all that follows', (looks) => {
    const joint = (text: readonly number[], from: number) =>
      logProbability([...prompt, ...text.slice(0, from)], [...text.slice(from), ...suffix]);
    for (const seed of seeds) {
      let text = chosen(seed, lengths, { suffix, round: 0, rounds: 1 });
      for (let look = 1; look <= looks; look++) {
        const place = text.length - look;
        const likely = nextToken([...prompt, ...text.slice(0, place)]);
        const others = Array.from(likely.keys())
          .filter((token) => token !== text[place] && token !== endOfText)
          .sort((a, b) => likely[b] - likely[a])
          .slice(0, lengths.length - 1);
        const variants = [text[place], ...others].map((token) => text.with(place, token));
        [text] = variants.toSorted((a, b) => joint(b, place) - joint(a, place));
      }
      expect(chosen(seed, lengths, { suffix, round: 0, rounds: 1 + looks })).toEqual(text);
    }
  });

  it('that end the text come after those that fill the gap', () => {
    for (const seed of seeds) {
      const texts = textsOf(run(start(seed, [6, 6, 6]), 1.5));
      const text = chosen(seed, [6, 6, 6], { suffix, round: 0, rounds: 2 }, 1.5);
      if (texts.some(({ length }) => length === 6)) expect(text.length).toBe(6);
    }
  });
});

describe('candidates without a gap', () => {
  it('are chosen by their own likelihood a token, the end of the text included', () => {
    const orders = new Set<number>();
    for (const seed of seeds) {
      const texts = textsOf(run(start(seed, [8, 8, 8, 8]), 0));
      const score = (text: readonly number[]) => {
        const whole = text.length === 8 ? text : [...text, endOfText];
        return logProbability(prompt, whole, 0) / whole.length;
      };
      const text = chosen(seed, [8, 8, 8, 8], { round: 0, rounds: 0 }, 0);
      orders.add(texts.findIndex((one) => String(one) === String(text)));
      expect(score(text)).toBeGreaterThan(Math.max(...texts.map(score)) - tolerance);
    }
    expect(orders.size).toBe(4);
  });
});
