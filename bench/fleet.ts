import type { StepMessage } from '../functions/contracts/generation.ts';
import { simulate } from '../lib/cost/simulate.ts';
import { fleetFor, readFleet } from '../lib/fleet.ts';
import { LocalCloud } from '../lib/local/local-cloud.ts';
import type { Row } from './row.ts';
import { median } from './timing.ts';

/** One block of so many steps, whatever is in it. */
const request = {
  prompt: 'To transfer a call,',
  tokens: 25,
  seed: 7,
  quality: 'published',
  steps: 12,
  stopAt: 0,
} as const;
const stepsPerBlock = 12;
const runs = 3;
const atOnce = [1, 2];
const visits = [1, 3, 12];

/**
 * The simulation beside the local cloud: its parts are measured on generations one at a time, of one step a visit and of a
 * block a visit; every other number of steps, and of generations at once, is foretold and then measured.
 */
export async function fleetRows(): Promise<Row[]> {
  const steps: StepMessage[] = [];
  const cloud = await LocalCloud.start(fleetFor(await readFleet(), {}), { onStep: (step) => steps.push(step) });
  const measure = async (visit: number, count: number) => {
    const times: number[] = [];
    for (let run = 0; run < runs; run++) {
      const each = Array.from({ length: count }, async (_, i) => {
        const started = performance.now();
        await cloud.generate({ ...request, visit, seed: 7 + i });
        return performance.now() - started;
      });
      times.push(...(await Promise.all(each)));
    }
    return median(times);
  };
  try {
    await measure(1, 1);
    const measured = new Map<string, number>();
    for (const visit of visits)
      for (const count of atOnce) measured.set(`${visit} ${count}`, await measure(visit, count));
    const core = median(
      steps.map(({ milliseconds: { core } }) => Object.values(core ?? {}).reduce((a, b) => a + b, 0)),
    );
    const of = (visit: number, count: number) => measured.get(`${visit} ${count}`) as number;
    // Two unknowns, of a step and of a turn, by the two ends of the granularity.
    const hop = (of(1, 1) - of(stepsPerBlock, 1)) / (stepsPerBlock - 1);
    const reduce = (of(stepsPerBlock, 1) - hop) / stepsPerBlock - core;
    return visits.flatMap((visit) =>
      atOnce.flatMap((count): Row[] => {
        const parts = { hop, reduce: Math.max(0, reduce), visit, stepsPerBlock };
        const foretold = together(count, { ...parts, core });
        const name = `${visit} steps a visit, ${count} at once`;
        return [
          { name: `${name}, measured`, value: of(visit, count), unit: 'ms' },
          {
            name: `${name}, simulated`,
            value: foretold,
            unit: 'ms',
            baseline: 'measured',
            ratio: foretold / of(visit, count),
          },
        ];
      }),
    );
  } finally {
    await cloud.stop();
  }
}

/** The median of generations that begin at the same time. */
function together(
  count: number,
  parts: { hop: number; reduce: number; visit: number; stepsPerBlock: number; core: number },
): number {
  const { core, ...rest } = parts;
  return (
    1000 *
    simulate({
      ...{
        ...rest,
        tenants: count,
        skew: 0,
        blocks: 1,
        copies: 1,
        arrivalsPerSecond: 0,
        atOnce: count,
        seconds: 0,
        seed: 1,
      },
      ...{ core: { base: core, lane: 0, batch: 1 }, tenant: 0, cold: { idle: Number.POSITIVE_INFINITY, wake: 0 } },
    }).p50
  );
}
