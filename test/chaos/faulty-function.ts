import { setTimeout as sleep } from 'node:timers/promises';
import { type functionFaults, secret } from './schedule.ts';

export type FunctionFault = (typeof functionFaults)[number];

type Handler = (event: unknown) => Promise<unknown>;

/** Lets calls of a handler go wrong, as Lambda does; counts those that run, and reads what a history would keep. */
export class FaultyFunctions {
  running = 0;
  /** Events and results that hold what only the bucket may. */
  readonly leaks: string[] = [];
  readonly #next: (run: number) => FunctionFault | undefined;

  constructor(next: (run: number) => FunctionFault | undefined) {
    this.#next = next;
  }

  around(handler: Handler): Handler {
    return async (event) => {
      this.running++;
      try {
        const result = await this.#call(handler, event);
        for (const [what, value] of Object.entries({ event, result })) {
          if (JSON.stringify(value)?.includes(secret)) this.leaks.push(`${what} of run ${seedIn(event)}`);
        }
        return result;
      } finally {
        this.running--;
      }
    };
  }

  async #call(handler: Handler, event: unknown): Promise<unknown> {
    const kind = this.#next(seedIn(event) ?? -1);
    if (kind === 'is throttled') throw named('Lambda.TooManyRequestsException', 'Rate Exceeded.');
    if (kind === 'dies before') throw named('Runtime.ExitError', 'RequestId: local Error: Runtime exited');
    if (kind === 'is slow') await sleep(300);
    if (kind !== 'runs twice') {
      const result = await handler(event);
      if (kind === 'dies after') throw named('Lambda.Unknown', 'The cause could not be determined');
      return result;
    }
    // At the same time, as when a caller gave the first up too early.
    const [, second] = await Promise.allSettled([handler(event), handler(event)]);
    if (second.status === 'rejected') throw second.reason;
    return second.value;
  }
}

/** A request's seed is in every event, at one depth or another; it tells the runs apart. */
function seedIn(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const found = name === 'seed' && typeof inner === 'number' ? inner : seedIn(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
