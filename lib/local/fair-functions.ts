import { Turns } from '../../models/inference/turns.ts';

type Handler = (input: unknown) => Promise<unknown>;

/** One is at work while another waits for table or bucket. */
const atOnce = 2;

/**
 * Lets the functions of state machines run a few at a time, in turns by tenant: in the cloud each has a machine of its own,
 * here they share a process, whose time a tenant with many generations would have nearly alone.
 */
export class FairFunctions {
  readonly #turns = new Turns(atOnce);

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
