import { partsOf } from '../inference/adapted-denoiser.ts';
import { type DenoiserTimings, sumTimings } from '../inference/denoiser.ts';
import type { OwnedLane } from '../inference/owned-lane.ts';
import type { StepModel } from '../inference/step-model.ts';
import type { LogitsEnvelope } from '../ssd2/envelope.ts';
import type { LaneStep } from '../ssd2/step.ts';

/** One step of some lanes, as a request asks for it. */
export interface StepCall {
  readonly lanes: readonly LaneStep[];
  readonly kept: number;
  readonly owner: string;
  /** Whether nobody waits for it: it goes after those that somebody does. */
  readonly background: boolean;
}

export interface SchedulerOptions {
  /** Lanes of a pass, where one request has not more by itself. */
  readonly mostLanes?: number;
  /** Passes of others that a request in the background lets go before it, at most. */
  readonly patience?: number;
  /** Whether a lane's bits are the same in any company; others are answered one by one. By default they are. */
  readonly isExact?: (lane: LaneStep) => boolean;
}

interface Waiting extends StepCall {
  /** Of those that can go along; none where none can. */
  readonly key: string | undefined;
  readonly resolve: (answer: StepAnswer) => void;
  readonly reject: (error: unknown) => void;
  passedOver: number;
}

type StepAnswer = Awaited<ReturnType<StepModel['denoise']>>;

/** Where a step's time is least a lane (npm run bench -- lanes). */
const usualLanes = 16;
const usualPatience = 8;
/** Owners whose last turns are remembered. */
const remembered = 1000;

/**
 * Puts the lanes of several requests into one forward pass, each at its own step: they join at a pass's beginning and leave
 * at its end. Whose lanes were in a pass the longest time ago is first; what nobody waits for goes when nobody waits, or
 * has waited for long. A lane's answer is the same in any company: where a pass's size would change its bits, it goes alone.
 */
export class LaneScheduler {
  readonly #model: StepModel;
  readonly #mostLanes: number;
  readonly #patience: number;
  readonly #isExact: (lane: LaneStep) => boolean;
  readonly #served = new Map<string, number>();
  #waiting: Waiting[] = [];
  #pass = 0;
  #busy = false;

  constructor(
    model: StepModel,
    { mostLanes = usualLanes, patience = usualPatience, isExact = () => true }: SchedulerOptions = {},
  ) {
    this.#model = model;
    this.#isExact = isExact;
    this.#mostLanes = mostLanes;
    this.#patience = patience;
  }

  /** @throws LaneError when a lane does not fit the model */
  denoise(call: StepCall): Promise<StepAnswer> {
    if (call.lanes.length > 1 && !call.lanes.every(this.#isExact)) return this.#oneByOne(call);
    const { promise, resolve, reject } = Promise.withResolvers<StepAnswer>();
    const key = call.lanes.every(this.#isExact) ? keyOf(call) : undefined;
    this.#waiting.push({ ...call, key, resolve, reject, passedOver: 0 });
    if (!this.#busy) void this.#run();
    return promise;
  }

  async #oneByOne({ lanes, ...rest }: StepCall): Promise<StepAnswer> {
    const answers = await Promise.all(lanes.map((lane) => this.denoise({ ...rest, lanes: [lane] })));
    return {
      envelopes: answers.flatMap(({ envelopes }) => envelopes),
      timings: sumTimings(answers.map(({ timings }) => timings)),
    };
  }

  async #run(): Promise<void> {
    this.#busy = true;
    for (let calls = this.#next(); calls.length > 0; calls = this.#next()) await this.#denoise(calls);
    this.#busy = false;
  }

  /** The requests of the next pass. */
  #next(): Waiting[] {
    const inTurn = this.#waiting.toSorted((a, b) => this.#lastPass(a.owner) - this.#lastPass(b.owner));
    const overdue = inTurn.find(({ passedOver }) => passedOver >= this.#patience);
    const first = overdue ?? inTurn.find(({ background }) => !background) ?? inTurn[0];
    if (!first) return [];
    const calls = this.#inCompany(first, inTurn);
    const chosen = new Set(calls);
    this.#waiting = this.#waiting.filter((call) => !chosen.has(call));
    for (const call of this.#waiting) if (call.background && !first.background) call.passedOver++;
    this.#pass++;
    for (const { owner } of calls) {
      this.#served.delete(owner);
      this.#served.set(owner, this.#pass);
    }
    while (this.#served.size > remembered) this.#served.delete(this.#served.keys().next().value as string);
    return calls;
  }

  /** A request with those that can go along: a request of each owner, then a second of each, and so on. */
  #inCompany(first: Waiting, inTurn: readonly Waiting[]): Waiting[] {
    const calls = [first];
    let lanes = first.lanes.length;
    const others = inTurn.filter(
      (call) =>
        call !== first &&
        call.key !== undefined &&
        call.key === first.key &&
        (call.background ? first.background : true),
    );
    const byOwner = [...Map.groupBy(others, ({ owner }) => owner).values()];
    // The first has had one already.
    byOwner.sort((a, b) => Number(a[0].owner === first.owner) - Number(b[0].owner === first.owner));
    for (let round = 0; byOwner.some((own) => own.length > round); round++) {
      for (const own of byOwner) {
        const call = own[round];
        if (!call || lanes + call.lanes.length > this.#mostLanes) continue;
        calls.push(call);
        lanes += call.lanes.length;
      }
    }
    return calls;
  }

  async #denoise(calls: readonly Waiting[]): Promise<void> {
    const [first] = calls;
    if (calls.length === 1) {
      try {
        // Models throw at once at what they do not take.
        first.resolve(await this.#model.denoise(first.lanes, first.kept, first.owner));
      } catch (error) {
        first.reject(error);
      }
      return;
    }
    const lanes = calls.flatMap(({ lanes, owner }) => lanes.map((lane): OwnedLane => ({ ...lane, owner })));
    try {
      const { envelopes, timings } = await this.#model.denoise(lanes, first.kept, first.owner);
      let at = 0;
      for (const { lanes: own, resolve } of calls) {
        resolve(shareOf(envelopes.slice(at, at + own.length), timings, own.length / lanes.length));
        at += own.length;
      }
    } catch {
      // One of them may be what no model takes; the others have nothing to do with that.
      for (const call of calls) await this.#denoise([call]);
    }
  }

  #lastPass(owner: string): number {
    return this.#served.get(owner) ?? 0;
  }
}

/** Requests of one key can be answered in one pass. */
function keyOf({ lanes, kept }: StepCall): string {
  return `${kept} ${[...new Set(lanes.map(partsOf))].join(' or ')}`;
}

/** Lanes of a pass share its time. */
function shareOf(envelopes: LogitsEnvelope[], timings: DenoiserTimings, share: number): StepAnswer {
  const { context, noise, model, compress } = timings;
  return {
    envelopes,
    timings: {
      ...{ context: share * context, noise: share * noise },
      ...{ model: share * model, compress: share * compress },
    },
  };
}

/**
 * Which lanes have the same bits in any company on the processors of this machine. With more threads than a model is exact
 * with, ONNX Runtime cuts the products of a pass by how many rows that has, which changes how some of the denoiser's sums are
 * rounded; of next-token logits nothing changes in any case.
 */
export function exactOnCpu(threads: number, { exactThreads = 1 }: StepModel): (lane: LaneStep) => boolean {
  return (lane) => threads <= exactThreads || partsOf(lane) === 'draft';
}
