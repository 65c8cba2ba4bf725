import type { Milliseconds, StepMessage } from '../functions/contracts/generation.ts';
import type { GenerationRequest } from '../functions/contracts/request.ts';
import type { EngineName } from '../lib/engine.ts';
import { readFleet } from '../lib/fleet.ts';
import { startEngine } from '../lib/start-engine.ts';
import type { Row } from './row.ts';
import { median } from './timing.ts';

const tenant = 'contact-center';
const block: GenerationRequest = {
  prompt: 'To transfer a call,',
  tenant,
  weight: 0.5,
  tokens: 25,
  seed: 7,
  steps: 100,
  stopAt: 0.4,
  patience: 10_000,
};
const runs = 5;
/** What the block is to take: 25 tokens of 60 denoise steps by core and tenant. */
const aimMilliseconds = 1000;

/** A block through the plain loop and through the state machine: whole, and a step by part. */
export async function generationRows(): Promise<Row[]> {
  const [direct] = await measure('direct', [block]);
  const [machine, visit] = await measure('state-machine', [block, { ...block, visit: 4 }]);
  const step = (name: string, value: number): Row => ({ name: `denoise step: ${name}`, value, unit: 'ms' });
  const { noise, core, tenant: david, reduce } = machine.parts;
  const stepTime = machine.block / machine.steps;
  // Core and tenant answer at the same time, each after its own noise: the slower one is what a step waits for.
  const orchestration = stepTime - noise - Math.max(core, david) - reduce;
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
      ...step('orchestration', orchestration),
      baseline: 'a step through the state machine',
      ratio: orchestration / stepTime,
    },
    ...whole('direct', direct.block),
    ...whole('state machine', machine.block),
    ...whole('state machine, 4 steps a visit', visit.block),
  ];
}

async function measure(engineName: EngineName, requests: readonly GenerationRequest[]) {
  const steps: StepMessage[] = [];
  const engine = await startEngine(engineName, await readFleet(), { onStep: (step) => steps.push(step) });
  const measured: { block: number; steps: number; parts: Record<string, number> }[] = [];
  try {
    for (const request of requests) {
      await engine.generate(request);
      const times: number[] = [];
      steps.length = 0;
      for (let run = 0; run < runs; run++) {
        const started = performance.now();
        await engine.generate(request);
        times.push(performance.now() - started);
      }
      measured.push({ block: median(times), steps: steps.length / runs, parts: partsOf(steps) });
    }
    return measured;
  } finally {
    await engine.stop();
  }
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
function inModel({ context, model, compress }: Milliseconds): number {
  return context + model + compress;
}
