import { Turns } from '../../models/inference/turns.ts';

/** One may wait, for a store that is slow, without keeping all others. */
export const functionsAtOnce = 2;

type Handler = (input: unknown) => Promise<unknown>;

/**
 * Lets the functions of state machines run two at a time, in turns of tenants: in the cloud each has a machine of its own,
 * here they share a process, whose time a tenant with many generations would have nearly alone.
 */
export class FairFunctions {
  readonly #turns = new Turns(functionsAtOnce);

  around(handler: Handler): Handler {
    return (input) => this.#turns.take(() => handler(input), tenantIn(input));
  }
}

/** Whom a task is for, as its state machine says; empty for an operator's own. */
function tenantIn(input: unknown): string {
  type Told = { run?: { tenant?: unknown }; request?: { tenant?: unknown }; tenant?: unknown };
  const { run, request, tenant } = (input ?? {}) as Told;
  return String(run?.tenant ?? request?.tenant ?? tenant ?? '');
}
