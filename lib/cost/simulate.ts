/** A fleet, and what is asked of it. Times are in milliseconds. */
export interface Fleet {
  /** Generations a second, of all tenants together; or so many at the start, and none after. */
  readonly arrivalsPerSecond: number;
  readonly atOnce?: number;
  readonly tenants: number;
  /** How much more the first asks than the second, the second than the third: 1 / rank^skew. */
  readonly skew: number;
  /** Of the generations, the share that asks the tenant's model beside the core; all when absent. */
  readonly withTenant?: number;
  readonly blocks: number;
  readonly stepsPerBlock: number;
  readonly copies: number;
  /** Of a copy of the core: a call of n lanes takes base + n each. */
  readonly core: { readonly base: number; readonly lane: number; readonly batch: number };
  /** Of a tenant's component, which serves one call at a time. */
  readonly tenant: number;
  /** Until a component is there that nobody asked for so long that it went away. */
  readonly cold: { readonly idle: number; readonly wake: number };
  /** Before a generation's first step: admission, tokens, its context's pass. */
  readonly start: number;
  /** Of a block beside its steps: the state machine's own turns, and committing. */
  readonly blockTurn: number;
  /** Of a call beside the model. */
  readonly transport: number;
  /** A turn of the state machine; a visit of K steps has one. */
  readonly hop: number;
  readonly visit: number;
  readonly reduce: number;
  readonly seconds: number;
  readonly seed: number;
}

export interface Simulated {
  readonly generations: number;
  /** Of a whole generation, seconds. */
  readonly p50: number;
  readonly p99: number;
  /** Of the core's copies' time, which is paid for, the share that they compute in while generations arrive. */
  readonly busy: number;
  /** Lanes of a pass of the core, on average. */
  readonly lanes: number;
  /** Generations that met a component that had gone away. */
  readonly cold: number;
  /** Median of the others, seconds. */
  readonly warm: number;
}

interface Event {
  readonly at: number;
  readonly run: () => void;
}

/** A fleet's latency, by discrete events: arrivals are Poisson, calls of the core wait for a copy and go in batches. */
export function simulate(fleet: Fleet): Simulated {
  const random = generator(fleet.seed);
  const events: Event[] = [];
  let now = 0;
  const at = (time: number, run: () => void) => push(events, { at: time, run });
  const end = fleet.seconds * 1000;
  const [warm, late]: [number[], number[]] = [[], []];
  let [busy, cold, passes, lanes] = [0, 0, 0, 0];

  const waiting: (() => void)[] = [];
  let free = fleet.copies;
  const serve = () => {
    while (free > 0 && waiting.length > 0) {
      const batch = waiting.splice(0, fleet.core.batch);
      const takes = fleet.core.base + batch.length * fleet.core.lane;
      free--;
      if (end === 0 || now < end) busy += takes;
      passes++;
      lanes += batch.length;
      at(now + takes, () => {
        free++;
        for (const done of batch) done();
        serve();
      });
    }
  };
  const askCore = (done: () => void) => {
    waiting.push(done);
    serve();
  };

  const { rates, cumulative } = askedOf(fleet);
  // As if it had always been so: the time since a tenant's last request is what it is between two.
  const lastUsed = new Map(rates.map((rate, tenant) => [tenant, (1000 * Math.log(1 - random())) / rate]));
  const freeAt = new Map<number, number>();
  const askTenant = (tenant: number, done: () => void) => {
    const starts = Math.max(now, freeAt.get(tenant) ?? 0);
    freeAt.set(tenant, starts + fleet.tenant);
    lastUsed.set(tenant, starts + fleet.tenant);
    at(starts + fleet.tenant, done);
  };

  const step = (tenant: number | undefined, number: number, began: number, asleep: boolean) => {
    if (number === fleet.blocks * fleet.stepsPerBlock) {
      (asleep ? late : warm).push((now - began) / 1000);
      return;
    }
    let left = tenant === undefined ? 1 : 2;
    const answered = () => {
      if (--left > 0) return;
      const inBlock = (number % fleet.stepsPerBlock) + 1;
      const isLast = inBlock === fleet.stepsPerBlock;
      const turns = inBlock % fleet.visit === 0 || isLast ? fleet.hop : 0;
      at(now + fleet.reduce + turns + (isLast ? fleet.blockTurn : 0), () => step(tenant, number + 1, began, asleep));
    };
    // A tenant's call is there and back, too, and waits for no copy that others have.
    at(now + fleet.transport, () => askCore(answered));
    if (tenant !== undefined) at(now + fleet.transport, () => askTenant(tenant, answered));
  };

  const whole = cumulative[cumulative.length - 1];
  const arrive = () => {
    if (now >= end) return;
    const point = random() * whole;
    const tenant = cumulative.findIndex((sum) => point < sum);
    const asks = fleet.withTenant === undefined || random() < fleet.withTenant;
    const last = lastUsed.get(tenant);
    const asleep = asks && (last === undefined || now - last > fleet.cold.idle);
    if (asleep && fleet.cold.wake > 0) cold++;
    const began = now;
    const ready = asleep ? fleet.cold.wake : 0;
    if (asks) lastUsed.set(tenant, now + ready);
    at(now + ready + fleet.start, () => step(asks ? tenant : undefined, 0, began, asleep));
    at(now - (Math.log(1 - random()) * 1000) / fleet.arrivalsPerSecond, arrive);
  };
  if (fleet.atOnce === undefined) at(0, arrive);
  else
    for (let tenant = 0; tenant < fleet.atOnce; tenant++)
      at(fleet.start, () => step(fleet.withTenant === 0 ? undefined : tenant, 0, 0, false));
  let span = 0;
  for (let event = pop(events); event; event = pop(events)) {
    now = event.at;
    span = now;
    event.run();
  }
  const all = [...warm, ...late];
  return {
    ...{ generations: all.length, p50: quantile(all, 0.5), p99: quantile(all, 0.99), warm: quantile(warm, 0.5) },
    ...{ busy: busy / ((end || span) * fleet.copies), lanes: passes === 0 ? 0 : lanes / passes },
    cold: all.length === 0 ? 0 : cold / all.length,
  };
}

/** Requests a second of each tenant's component, and the sums of tenants' weights up to each. */
function askedOf({ tenants, skew, arrivalsPerSecond, withTenant = 1 }: Fleet) {
  const weights = Array.from({ length: tenants }, (_, i) => 1 / (i + 1) ** skew);
  const cumulative: number[] = [];
  const whole = weights.reduce((sum, weight, i) => {
    cumulative[i] = sum + weight;
    return cumulative[i];
  }, 0);
  return { rates: weights.map((weight) => (arrivalsPerSecond * withTenant * weight) / whole), cumulative };
}

/** Components of tenants that are there, on average. */
export function awakeIn(fleet: Fleet): number {
  return askedOf(fleet).rates.reduce((sum, rate) => sum + 1 - Math.exp((-rate * fleet.cold.idle) / 1000), 0);
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

/** Uniform in [0, 1), the same for a seed: a linear congruential generator of 48 bits, as drand48's. */
function generator(seed: number): () => number {
  let state = (BigInt(seed) << 16n) + 0x330en;
  return () => {
    state = (state * 0x5deece66dn + 0xbn) & 0xffffffffffffn;
    return Number(state) / 2 ** 48;
  };
}

/** A binary heap by time. */
function push(heap: Event[], event: Event): void {
  let i = heap.push(event) - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (heap[parent].at <= heap[i].at) return;
    [heap[parent], heap[i]] = [heap[i], heap[parent]];
    i = parent;
  }
}

function pop(heap: Event[]): Event | undefined {
  const [first] = heap;
  const last = heap.pop();
  if (heap.length === 0 || last === undefined) return first;
  heap[0] = last;
  for (let i = 0; ; ) {
    const [left, right] = [2 * i + 1, 2 * i + 2];
    let least = i;
    if (left < heap.length && heap[left].at < heap[least].at) least = left;
    if (right < heap.length && heap[right].at < heap[least].at) least = right;
    if (least === i) return first;
    [heap[least], heap[i]] = [heap[i], heap[least]];
    i = least;
  }
}
