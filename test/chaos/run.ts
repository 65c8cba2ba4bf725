import { setTimeout as sleep } from 'node:timers/promises';
import type { GenerationResult } from '../../lib/engine.ts';
import { type FaultyCloud, startFaultyCloud } from './faulty-cloud.ts';
import { Plan } from './plan.ts';
import { type Fault, type Schedule, schedules } from './schedule.ts';

/** Errors that say what happened; any other is a fault of Slingshot's own. */
const named =
  /^(EndpointUnavailable|EndpointTimeout|BadAnswer|StoreUnavailable|States\.Timeout|BlockTimedOut|Lambda\.\w+|Runtime\.ExitError|Sandbox\.Timedout)$/;

/** How long a run may take before it counts as hanging. */
const hangMilliseconds = 120_000;

export type Verdict = 'text' | 'named error' | 'another text' | 'unnamed error' | 'hung';

export interface Outcome {
  readonly run: number;
  readonly verdict: Verdict;
  /** Name and message of an error, or the wrong text. */
  readonly detail: string;
  /** Those that struck; a run may end before the others. */
  readonly faults: readonly Fault[];
  /** Whether a model's process was down or frozen meanwhile, through this run's fault or another's. */
  readonly outage: boolean;
  readonly seconds: number;
}

export interface ChaosResult {
  readonly outcomes: readonly Outcome[];
  /** Calls that reached a tenant's model on another's behalf. */
  readonly strays: readonly string[];
  /** Events and results of functions that held a private context. */
  readonly leaks: readonly string[];
  /** Handlers that still ran when every run had ended. */
  readonly leftRunning: number;
}

/**
 * Runs schedules against the local cloud, some at a time.
 *
 * @param onOutcome called as each run ends
 */
export async function runChaos(
  runs: number,
  seed: number,
  atOnce: number,
  onOutcome: (outcome: Outcome) => void = () => {},
): Promise<ChaosResult> {
  const planned = schedules(runs, seed);
  const plan = new Plan(planned);
  const tenants = new Map(planned.map(({ request }) => [request.seed, request.tenant]));
  const faulty = await startFaultyCloud(plan, (run) => tenants.get(run));
  try {
    const outcomes: Outcome[] = [];
    const queue = planned.values();
    const worker = async () => {
      for (const schedule of queue) {
        const outcome = await run(faulty, plan, schedule);
        outcomes.push(outcome);
        onOutcome(outcome);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    // A function that was given up on, its caller's time being over, may still be at work.
    for (let waited = 0; faulty.running() > 0 && waited < 5000; waited += 50) await sleep(50);
    return { outcomes, strays: [...faulty.strays], leaks: [...faulty.leaks], leftRunning: faulty.running() };
  } finally {
    await faulty.stop();
  }
}

async function run({ cloud, direct, outages }: FaultyCloud, plan: Plan, { request }: Schedule): Promise<Outcome> {
  const expected = await direct.generate(request);
  const started = performance.now();
  const hanging = new AbortController();
  const ended = await Promise.race([
    cloud.generate(request).then(
      (result) => judge(result, expected),
      (error: Error) => ({
        verdict: named.test(error.name) ? ('named error' as const) : ('unnamed error' as const),
        detail: `${error.name}: ${error.message}`,
      }),
    ),
    sleep(hangMilliseconds, { verdict: 'hung' as const, detail: '' }, { signal: hanging.signal, ref: false }),
  ]);
  hanging.abort();
  const now = performance.now();
  return {
    run: request.seed,
    ...ended,
    faults: plan.struck.get(request.seed) ?? [],
    outage: outages.some(({ from, to }) => from < now && to > started),
    seconds: (now - started) / 1000,
  };
}

function judge(result: GenerationResult, expected: GenerationResult): { verdict: Verdict; detail: string } {
  if (JSON.stringify(result) === JSON.stringify(expected)) return { verdict: 'text', detail: '' };
  return { verdict: 'another text', detail: `${JSON.stringify(result)}, expected ${JSON.stringify(expected)}` };
}
