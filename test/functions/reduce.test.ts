import { describe, expect, it } from 'vitest';
import { denoiseVisit } from '../../functions/denoise-visit/denoise-visit.ts';
import { type LoadedGeneration, reduce } from '../../functions/reduce/reduce.ts';
import { compress } from '../../models/ssd2/envelope.ts';
import { type Decoding, memberCalls, startBlock } from '../../models/ssd2/step.ts';

const vocabulary = 12;
const block = 3;

function generation(changes: Partial<Decoding> = {}, tokens = 6): LoadedGeneration {
  const decoding = {
    members: [{ name: 'core', coefficient: 1, routes: [{ from: 0, to: 1, endpoint: 'goliath' }] }],
    ...{ seed: 5, lane: 0, steps: 10, block, vocabulary, kept: 6, topP: 0.95 },
    projection: 'sample' as const,
    halting: { stopAt: 0.5, patience: 100, entropy: 0 },
    selfConditioning: 'fused' as const,
    ...changes,
  };
  const state = startBlock(0);
  return {
    ...{ decoding: decoding as LoadedGeneration['decoding'], tokens, endOfText: 0, visit: 1, stepsRun: 0, state },
    progress: { contexts: { core: [7] }, generated: [], blocks: 0, done: false },
    ...{ calls: memberCalls(decoding, state), turn: 'continue' as const, reports: [] },
  };
}

/** What a model answers that likes the tokens 4, 5, 6, ... at positions 0, 1, 2, ..., as strongly as `nats` says. */
function answer(nats: number, first = 4) {
  const logits = new Float32Array(block * vocabulary).fill(-Math.log(vocabulary - 1 + Math.exp(nats)));
  for (let position = 0; position < block; position++) logits[position * vocabulary + first + position] += nats;
  return { core: { envelope: compress(logits, vocabulary, 6), milliseconds: {} } };
}

function run(start: LoadedGeneration, answers: ReturnType<typeof answer>, steps: number): LoadedGeneration {
  let current = start;
  for (let step = 0; step < steps; step++) current = reduce(current, answers, 0);
  return current;
}

describe('reduce', () => {
  it('run twice on the same input gives the same state', () => {
    const once = reduce(generation(), answer(2), 0);
    expect(reduce(generation(), answer(2), 0).state).toEqual(once.state);
    expect(once.state).toMatchObject({ index: 0, step: 1, argmax: [4, 5, 6], done: false });
  });

  it('appends a block after the last step above the early stop, and starts the next', () => {
    const before = run(generation(), answer(2), 4);
    expect(before).toMatchObject({ turn: 'continue', progress: { blocks: 0 } });
    expect(run(before, answer(2), 1)).toMatchObject({
      turn: 'return',
      stepsRun: 5,
      state: { index: 1, step: 0, tokens: null, previous: null },
      calls: [{ member: 'core', endpoint: 'goliath' }],
      progress: { contexts: { core: [7, 4, 5, 6] }, generated: [4, 5, 6], blocks: 1, done: false },
    });
  });

  it('is done at the number of tokens asked for, or at end-of-text', () => {
    expect(run(generation({}, 4), answer(2), 10)).toMatchObject({
      calls: [],
      progress: { generated: [4, 5, 6, 4], done: true },
    });
    // The last position's likeliest token is 0 when the block begins at -2, that is at 10: 10, 11, and end-of-text.
    const ending = { core: { ...answer(2).core, envelope: compress(endingLogits(), vocabulary, 6) } };
    expect(run(generation(), ending, 5)).toMatchObject({ progress: { generated: [10, 11], done: true } });
  });

  it('halts when nothing changes any more and the entropy is low', () => {
    const halting = { stopAt: 0, patience: 2, entropy: 0.05 };
    expect(run(generation({ halting }), answer(9), 3)).toMatchObject({ stepsRun: 3, progress: { blocks: 1 } });
    expect(run(generation({ halting }), answer(2), 3)).toMatchObject({ stepsRun: 3, progress: { blocks: 0 } });
  });

  it('returns in the middle of a block before an Express execution ends, to go on in another', () => {
    const cut = reduce(generation(), answer(2), 240_000);
    expect(cut).toMatchObject({ turn: 'return', state: { step: 1 }, progress: { blocks: 0, done: false } });
    expect(run(cut, answer(2), 4).state).toEqual(run(generation(), answer(2), 5).state);
  });

  it('asks, from a routing table, whoever answers for the next timestep', () => {
    const routes = [
      { from: 0, to: 0.85, endpoint: 'late' },
      { from: 0.85, to: 1, endpoint: 'early' },
    ];
    const members = [{ name: 'core', coefficient: 1, routes }];
    const endpoints = [0, 1, 2].map((steps) => run(generation({ members }), answer(2), steps).calls[0].endpoint);
    expect(endpoints).toEqual(['early', 'early', 'late']);
  });
});

function endingLogits(): Float32Array {
  const logits = new Float32Array(block * vocabulary).fill(-4);
  [10, 11, 0].forEach((token, position) => {
    logits[position * vocabulary + token] = -0.1;
  });
  return logits;
}

describe('denoise-visit', () => {
  it('of any size ends with the state of single steps', async () => {
    const single = run(generation(), answer(1), 5);
    for (const visit of [1, 2, 5, 50]) {
      let current: LoadedGeneration = { ...generation(), visit };
      const sizes: number[] = [];
      while (current.progress.blocks === 0) {
        current = await denoiseVisit(
          current,
          () => 0,
          async () => answer(1).core,
        );
        sizes.push(current.reports.length);
      }
      expect(current.state).toEqual(single.state);
      expect(current.progress).toEqual(single.progress);
      expect(Math.max(...sizes)).toBe(Math.min(visit, 5));
    }
  });
});
