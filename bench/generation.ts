import type { Milliseconds, StepMessage } from '../functions/contracts/generation.ts';
import type { GenerationRequest } from '../functions/contracts/request.ts';
import type { Engine, EngineName } from '../lib/engine.ts';
import { fleetFor, readFleet } from '../lib/fleet.ts';
import { startEngine } from '../lib/start-engine.ts';
import type { Row } from './row.ts';
import { median } from './timing.ts';

const tenant = 'contact-center';
const block: GenerationRequest & { readonly seed: number } = {
  prompt: 'To transfer a call,',
  tenant,
  weight: 0.5,
  tokens: 25,
  seed: 7,
};
const runs = 5;
/** What a block of 25 tokens by core and tenant is to take. */
const aimMilliseconds = 1500;

/** A block through the plain loop and through the state machine, turn by turn: whole, and a step by part. */
export async function generationRows(): Promise<Row[]> {
  const [direct, machine, visit] = await measure([
    { engine: 'direct', request: block },
    { engine: 'state-machine', request: block },
    { engine: 'state-machine', request: { ...block, visit: 60 } },
  ]);
  const step = (name: string, value: number): Row => ({ name: `denoise step: ${name}`, value, unit: 'ms' });
  const orchestration = machine.difference / machine.steps;
  const { noise, core, tenant: david, reduce } = machine.parts;
  // Core and tenant answer at the same time, each after its own noise: the slower one is what a step waits for.
  const beside = machine.block / machine.steps - noise - Math.max(core, david) - reduce;
  const whole = (name: string, milliseconds: number): Row[] => [
    {
      name: `block, ${name}`,
      value: milliseconds,
      unit: 'ms',
      baseline: 'the aim',
      ratio: milliseconds / aimMilliseconds,
    },
    { name: `block, ${name}, tokens`, value: 25_000 / milliseconds, unit: 'tokens/s' },
  ];
  return [
    ...Object.entries(machine.parts).map(([name, value]) => step(name, value)),
    {
      ...step('orchestration, state machine minus direct', orchestration),
      baseline: 'a step through the state machine',
      ratio: orchestration / (machine.block / machine.steps),
    },
    step('of it calls of models, one visit minus direct', visit.difference / visit.steps),
    step('of it states and functions, the rest', (machine.difference - visit.difference) / machine.steps),
    step('beside noise, the slower model and reduce', beside),
    ...whole('direct', direct.block),
    ...whole('state machine', machine.block),
    ...whole('state machine, one visit', visit.block),
  ];
}

interface Arm {
  readonly engine: EngineName;
  readonly request: typeof block;
}

/** Medians over runs; `difference` to the first arm's run of the same turn, so that a machine's moods fall on all. */
async function measure(arms: readonly Arm[]) {
  const fleet = fleetFor(await readFleet(), { tenant });
  let steps: StepMessage[] = [];
  const engines = new Map<EngineName, Engine>();
  for (const { engine } of arms) {
    if (engines.has(engine)) continue;
    engines.set(engine, await startEngine(engine, fleet, { onStep: (step) => steps.push(step) }));
  }
  const times: number[][] = arms.map(() => []);
  const reports: StepMessage[][] = arms.map(() => []);
  try {
    // The first turn is a warm one.
    for (let run = 0; run <= runs; run++) {
      for (const [arm, { engine, request }] of arms.entries()) {
        steps = reports[arm];
        // Models keep what they have answered: a text is generated once.
        const seed = request.seed + arms.length * run + arm;
        const started = performance.now();
        await engines.get(engine)?.generate({ ...request, seed });
        times[arm].push(performance.now() - started);
        if (run === 0) steps.length = 0;
      }
    }
  } finally {
    for (const engine of engines.values()) await engine.stop();
  }
  const counted = times.map((all) => all.slice(1));
  return arms.map((_, arm) => ({
    block: median(counted[arm]),
    difference: median(counted[arm].map((time, run) => time - counted[0][run])),
    steps: reports[arm].length / runs,
    parts: partsOf(reports[arm]),
  }));
}

/** Medians over the steps. */
function partsOf(steps: readonly StepMessage[]): Record<string, number> {
  const over = (part: (milliseconds: StepMessage['milliseconds']) => number) =>
    median(steps.map(({ milliseconds }) => part(milliseconds)));
  const member = `tenant:${tenant}`;
  return {
    noise: over((parts) => parts.core.noise),
    core: over((parts) => inModel(parts.core)),
    tenant: over((parts) => inModel(parts[member])),
    reduce: over((parts) => parts.reduce.total),
  };
}

/** What a model's process spends beside its noise. */
function inModel({ noise, transport, ...parts }: Milliseconds): number {
  return Object.values(parts).reduce((sum, part) => sum + part, 0);
}
