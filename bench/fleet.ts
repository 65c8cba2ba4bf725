import type { StepMessage } from '../functions/contracts/generation.ts';
import { type Fleet, simulate } from '../lib/cost/simulate.ts';
import { fleetFor, readFleet } from '../lib/fleet.ts';
import { LocalCloud } from '../lib/local/local-cloud.ts';
import type { Row } from './row.ts';
import { median } from './timing.ts';

/** One block of so many steps, whatever is in it. */
const stepsPerBlock = 12;
const request = {
  ...{ prompt: 'To transfer a call,', tokens: 25, seed: 7 },
  ...{ steps: stepsPerBlock, stopAt: 0 },
  quality: 'published',
} as const;
const runs = 5;
const atOnce = [1, 2, 4];
const visits = [1, 3, 12];

/**
 * The simulation beside the local cloud. Its inputs are measured on generations one at a time alone, of one step a visit and
 * of a block a visit; every other number of steps, and of generations at once, is foretold and then measured.
 */
export async function fleetRows(): Promise<Row[]> {
  let steps: StepMessage[] = [];
  const cloud = await LocalCloud.start(fleetFor(await readFleet(), {}), { onStep: (step) => steps.push(step) });
  const measure = async (visit: number, count: number): Promise<{ total: number; steps: StepMessage[] }> => {
    steps = [];
    const times: number[] = [];
    for (let run = 0; run < runs; run++) {
      const each = Array.from({ length: count }, async (_, i) => {
        const started = performance.now();
        await cloud.generate({ ...request, visit, seed: 7 + i });
        times.push(performance.now() - started);
      });
      await Promise.all(each);
    }
    return { total: median(times), steps };
  };
  try {
    await measure(1, 1);
    const measured = new Map<string, number>();
    const alone: StepMessage[] = [];
    for (const visit of visits) {
      for (const count of atOnce) {
        const { total, steps: reports } = await measure(visit, count);
        measured.set(`${visit} ${count}`, total);
        // What a step takes in company has waits in it, which are for the simulation to tell.
        if (count === 1) alone.push(...reports);
      }
    }
    const of = (visit: number, count: number) => measured.get(`${visit} ${count}`) as number;
    const parts = partsOf(alone);
    const step = parts.core + parts.transport + parts.reduce;
    // What is left are two unknowns, of a generation and of a turn, by the two ends of the granularity.
    const hop = (of(1, 1) - of(stepsPerBlock, 1)) / (stepsPerBlock - 1);
    const start = of(stepsPerBlock, 1) - stepsPerBlock * step - hop;
    const inputs = { ...parts, hop, start };
    return [
      ...Object.entries(inputs).map(([part, value]) => ({ name: `input: ${part}`, value, unit: 'ms' })),
      ...visits.flatMap((visit) =>
        atOnce.flatMap((count): Row[] => {
          const foretold = together(count, { ...inputs, visit });
          const [name, value] = [`${visit} steps a visit, ${count} at once`, of(visit, count)];
          const compared = { baseline: 'measured', ratio: foretold / value };
          return [
            { name: `${name}, measured`, value, unit: 'ms' },
            { name: `${name}, simulated`, value: foretold, unit: 'ms', ...compared },
          ];
        }),
      ),
    ];
  } finally {
    await cloud.stop();
  }
}

/** Milliseconds of a step by part, on average: a block's first step has its context's pass. */
function partsOf(steps: readonly StepMessage[]): { core: number; transport: number; reduce: number } {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const sum = (parts: Readonly<Record<string, number>> = {}) => Object.values(parts).reduce((a, b) => a + b, 0);
  const transport = ({ milliseconds }: StepMessage) => milliseconds.core?.transport ?? 0;
  return {
    core: mean(steps.map((step) => sum(step.milliseconds.core) - transport(step))),
    transport: mean(steps.map(transport)),
    reduce: mean(steps.map(({ milliseconds }) => sum(milliseconds.reduce))),
  };
}

type Inputs = Pick<Fleet, 'hop' | 'start' | 'transport' | 'reduce' | 'visit'> & { readonly core: number };

/** The median of generations that begin at the same time. */
function together(count: number, { core, ...inputs }: Inputs): number {
  const fleet: Fleet = {
    ...{ ...inputs, stepsPerBlock, tenants: count, skew: 0, withTenant: 0, blocks: 1, blockTurn: 0, copies: 1 },
    ...{ arrivalsPerSecond: 0, atOnce: count, seconds: 0, seed: 1 },
    // Passes of this form with several threads have a lane each: in company its sums would be rounded otherwise.
    ...{ core: { base: core, lane: 0, batch: 1 }, tenant: 0, cold: { idle: Number.POSITIVE_INFINITY, wake: 0 } },
  };
  return 1000 * simulate(fleet).p50;
}
