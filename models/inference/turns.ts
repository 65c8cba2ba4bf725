/** How many owners' last turns are remembered. */
const remembered = 1000;

/**
 * Lets pieces of work run one after the other, or a few at a time. Whoever has waited longest for a turn of his own is next, however much
 * others have waiting: an owner's pieces run in the order in which they came, and wait for at most one piece of each
 * other owner.
 */
export class Turns {
  readonly #waiting = new Map<string, (() => void)[]>();
  /** The number of each owner's last turn. */
  readonly #served = new Map<string, number>();
  readonly #unfinished = new Set<Promise<unknown>>();
  readonly #most: number;
  #turn = 0;
  #running = 0;

  /** @param most that run at the same time */
  constructor(most = 1) {
    this.#most = most;
  }

  /** Runs `work` when its turn comes. */
  take<T>(work: () => Promise<T>, owner = ''): Promise<T> {
    const turn = Promise.withResolvers<void>();
    const own = this.#waiting.get(owner);
    if (own) own.push(turn.resolve);
    else this.#waiting.set(owner, [turn.resolve]);
    const result = turn.promise.then(work);
    const ended = result
      .catch(() => {})
      .then(() => {
        this.#unfinished.delete(ended);
        this.#running--;
        this.#next();
      });
    this.#unfinished.add(ended);
    if (this.#running < this.#most) this.#next();
    return result;
  }

  /** Settles when all that came so far is done. */
  async done(): Promise<void> {
    await Promise.all(this.#unfinished);
  }

  #next(): void {
    let next: string | undefined;
    for (const owner of this.#waiting.keys()) {
      if (next === undefined || this.#lastTurn(owner) < this.#lastTurn(next)) next = owner;
    }
    if (next === undefined) return;
    this.#running++;
    const own = this.#waiting.get(next) ?? [];
    const start = own.shift();
    if (own.length === 0) this.#waiting.delete(next);
    this.#served.delete(next);
    this.#served.set(next, ++this.#turn);
    if (this.#served.size > remembered) this.#served.delete(this.#served.keys().next().value as string);
    start?.();
  }

  #lastTurn(owner: string): number {
    return this.#served.get(owner) ?? 0;
  }
}
