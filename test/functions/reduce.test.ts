import { describe, expect, it } from 'vitest';
import { denoiseVisit } from '../../functions/denoise-visit/denoise-visit.ts';
import { type Reduction, reduce } from '../../functions/reduce/reduce.ts';
import { compress } from '../../models/ssd2/envelope.ts';
import { callsOf, type Generation, isDone, laneSteps, type Step } from '../../models/ssd2/generation.ts';
import { generatedTokens } from '../../models/ssd2/lane.ts';
import { answersOf, everywhere, generationOf, kept, likes, vocabulary } from '../support/generation.ts';

const fourFiveSix = [4, 5, 6];

function run(start: Generation, nats: number, steps: number, tokens: readonly number[] = fourFiveSix): Reduction {
  let reduced: Reduction = { generation: start, previous: [null], blockDone: false, reports: [] };
  for (let step = 0; step < steps; step++) {
    reduced = reduce(reduced.generation, answersOf(reduced.generation, likes(nats, tokens)));
  }
  return reduced;
}

describe('reduce', () => {
  it('run twice on the same input gives the same', () => {
    const once = run(generationOf(), 2, 1);
    expect(run(generationOf(), 2, 1).generation).toEqual(once.generation);
    expect(once).toMatchObject({
      blockDone: false,
      generation: { block: 0, step: 1, lanes: [{ state: { argmax: fourFiveSix, done: false } }] },
    });
  });

  it('appends a block after the last step above the early stop, and starts the next', () => {
    const before = run(generationOf(), 2, 4);
    expect(before).toMatchObject({ blockDone: false, generation: { block: 0, step: 4, lanes: [{ committed: [] }] } });
    const after = run(before.generation, 2, 1);
    expect(after).toMatchObject({
      blockDone: true,
      previous: [null],
      generation: {
        ...{ block: 1, step: 0 },
        lanes: [{ committed: fourFiveSix, steps: 5, done: false, state: { tokens: null, argmax: [] } }],
      },
    });
    expect(callsOf(after.generation)).toMatchObject([
      { member: 'core', endpoint: { endpoint: 'goliath' }, lanes: [0] },
    ]);
    const [lane] = laneSteps(after.generation, callsOf(after.generation)[0], [[7]], null);
    expect(lane).toMatchObject({ context: [7, 4, 5, 6], tokens: null, block: 1, step: 0 });
  });

  it('is done at the number of tokens asked for, or at end-of-text', () => {
    const full = run(generationOf({}, 4), 2, 10).generation;
    expect(isDone(full)).toBe(true);
    expect(callsOf(full)).toEqual([]);
    expect(generatedTokens(full, full.lanes[0])).toEqual([4, 5, 6, 4]);
    const ended = run(generationOf(), 2, 5, [10, 11, 0]).generation;
    expect(isDone(ended)).toBe(true);
    expect(generatedTokens(ended, ended.lanes[0])).toEqual([10, 11]);
    const turned = run({ ...generationOf(), endOfTurn: 9 }, 2, 5, [10, 9, 8]).generation;
    expect(isDone(turned)).toBe(true);
    expect(generatedTokens(turned, turned.lanes[0])).toEqual([10]);
  });

  it('halts when nothing changes any more and the entropy is low', () => {
    const halting = { stopAt: 0, patience: 2, entropy: 0.05 };
    expect(run(generationOf({ halting }), 9, 3).generation).toMatchObject({ block: 1, lanes: [{ steps: 3 }] });
    expect(run(generationOf({ halting }), 2, 3).generation).toMatchObject({ block: 0, lanes: [{ steps: 3 }] });
  });

  it('asks, from a routing table, whoever answers for the next timestep', () => {
    const [late, early] = [everywhere('late')[0], everywhere('early')[0]];
    const routes = [
      { ...late, to: 0.85 },
      { ...early, from: 0.85 },
    ];
    const members = [{ name: 'core', coefficient: 1, routes }];
    const asked = [0, 1, 2].map((steps) => callsOf(run(generationOf({ members }), 2, steps).generation)[0].endpoint);
    expect(asked.map(({ endpoint }) => endpoint)).toEqual(['early', 'early', 'late']);
  });

  it('reports each lane of each step, with who answered', () => {
    const { reports } = run(generationOf({}, 6, [1, 2]), 2, 2);
    const routes = { core: { endpoint: 'goliath' } };
    expect(reports).toMatchObject([
      { lane: 0, block: 0, step: 1, tokens: fourFiveSix, changed: [], routes },
      { lane: 1, block: 0, step: 1, tokens: fourFiveSix, changed: [], routes },
    ]);
  });
});

/** What a model would answer that looks at the context, the seed and the self-conditioning, one lane at a time. */
const ask: Parameters<typeof denoiseVisit>[2] = async (_, lanes) => ({
  envelopes: lanes.map(({ seed, context, previous, step }) => {
    const before = previous === null ? 0 : previous.logProbabilities[0];
    const first = (seed + context.length + step) % (vocabulary - 2);
    return compress(likes(3 + before, [first + 1, first, first + 2]), vocabulary, kept);
  }),
  milliseconds: {},
});

async function decode(start: Generation, visit: number): Promise<{ generation: Generation; visits: number[] }> {
  let step: Step = { generation: start, previous: [null] };
  const visits: number[] = [];
  const contexts = start.decoding.members.map(() => start.lanes.map(() => [7]));
  while (!isDone(step.generation)) {
    const { reports, ...next } = await denoiseVisit(step, contexts, ask, (steps) => steps < visit);
    visits.push(reports.length);
    step = next;
  }
  return { generation: step.generation, visits };
}

describe('denoise-visit', () => {
  it('of any size ends with the state of single steps', async () => {
    for (const selfConditioning of ['fused', 'own'] as const) {
      const members = ['core', 'tenant:a'].map((name) => ({ name, coefficient: 0.5, routes: everywhere(name) }));
      const start = generationOf({ members, selfConditioning });
      const single = await decode(start, 1);
      for (const visit of [2, 5, 50]) {
        const { generation, visits } = await decode(start, visit);
        expect(generation).toEqual(single.generation);
        expect(Math.max(...visits)).toBe(Math.min(visit, 5));
      }
    }
  });
});

describe('several lanes', () => {
  it('give each the text that it has by itself, also when they end their blocks at different steps', async () => {
    const seeds = [3, 11, 4, 20];
    for (const selfConditioning of ['fused', 'own'] as const) {
      const halting = { stopAt: 0, patience: 1, entropy: 3 };
      const changes = { selfConditioning, halting };
      const { generation } = await decode(generationOf(changes, 9, seeds), 4);
      const alone = await Promise.all(seeds.map((seed) => decode(generationOf(changes, 9, [seed]), 4)));
      expect(generation.lanes).toEqual(alone.flatMap((one) => one.generation.lanes));
    }
  });
});
