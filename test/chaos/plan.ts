import type { Fault, Schedule } from './schedule.ts';

type KindAt<Place extends Fault['place']> = Extract<Fault, { place: Place }>['kind'];

/** Which fault strikes next: counts each run's calls of each place. */
export class Plan {
  readonly #faults: ReadonlyMap<number, readonly Fault[]>;
  readonly #calls = new Map<string, number>();
  /** Faults of the store strike whoever calls it next: an object's key does not tell the run. */
  readonly #armed: KindAt<'store'>[] = [];
  readonly struck = new Map<number, Fault[]>();

  constructor(schedules: readonly Schedule[]) {
    this.#faults = new Map(schedules.map(({ request, faults }) => [request.seed, faults]));
  }

  next<Place extends 'endpoint' | 'function' | 'process'>(place: Place, run: number): KindAt<Place> | undefined {
    const key = `${place} ${run}`;
    const call = this.#calls.get(key) ?? 0;
    this.#calls.set(key, call + 1);
    const due = (this.#faults.get(run) ?? []).filter((fault) => fault.call === call);
    for (const fault of place === 'function' ? due : []) {
      if (fault.place !== 'store') continue;
      this.#armed.push(fault.kind);
      this.#strike(run, fault);
    }
    const found = due.find((fault) => fault.place === place);
    if (found) this.#strike(run, found);
    return found?.kind as KindAt<Place> | undefined;
  }

  nextOfStore(): KindAt<'store'> | undefined {
    return this.#armed.shift();
  }

  #strike(run: number, fault: Fault): void {
    this.struck.set(run, [...(this.struck.get(run) ?? []), fault]);
  }
}
