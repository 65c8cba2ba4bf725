import { compress, compressEach, copyPosition, emptyEnvelope, type LogitsEnvelope } from '../ssd2/envelope.ts';
import { isNextToken } from '../ssd2/form.ts';
import type { LaneStep } from '../ssd2/step.ts';
import { type DenoiserTimings, sumTimings } from './denoiser.ts';
import { ownerOfLane } from './owned-lane.ts';
import { cacheBytes, TokenCache } from './token-cache.ts';

/** A position to be asked about, the first of its block that has no answer yet. */
export interface Due<Memory> {
  readonly lane: LaneStep;
  readonly position: number;
  /** The token before it. */
  readonly token: number;
  /** What was kept of the tokens before that one, back to the last one of the context. */
  readonly memories: readonly Memory[];
}

/** A model as it is asked about one position of each lane. */
export interface NextToken<Memory> {
  /** Log-probabilities [due, vocabulary], and what is to be kept of each due position's token before it. */
  next(
    due: readonly Due<Memory>[],
    owner: string,
  ): Promise<{ readonly rows: Float32Array; readonly memories: readonly Memory[] }>;
  /** The size of one memory, in bytes. */
  readonly memoryBytes: number;
  /** Log-probabilities [vocabulary] of a position that was not asked about. */
  unasked(lane: LaneStep): Promise<Float32Array>;
}

interface Answer<Memory> {
  /** Of one position. */
  readonly envelope: LogitsEnvelope;
  readonly memory: Memory;
  readonly bytes: number;
}

/** Forms whose answer for unasked positions is kept; a request may have one of its own. */
const mostForms = 64;

/**
 * Steps of blocks that settle from the left, a position a step. What earlier steps found is kept by the tokens before it and
 * repeated; what was lost is found again as it was, one position after the other. So an answer is a function of the step.
 */
export class LeftToRight<Memory> {
  readonly #block: number;
  readonly #vocabulary: number;
  readonly #model: NextToken<Memory>;
  readonly #answers = new TokenCache<Answer<Memory>>(cacheBytes);
  readonly #unasked = new Map<string, LogitsEnvelope>();

  constructor(
    { block, vocabulary }: { readonly block: number; readonly vocabulary: number },
    model: NextToken<Memory>,
  ) {
    this.#block = block;
    this.#vocabulary = vocabulary;
    this.#model = model;
  }

  /** Whether a step asks about the first open position of its block alone. */
  answers(lane: LaneStep): boolean {
    return isNextToken(lane.form) && (lane.tokens === null || lane.settled !== undefined);
  }

  /** @param kept entries a position that the answers keep */
  async run(
    lanes: readonly LaneStep[],
    kept: number,
    owner: string,
  ): Promise<{ envelopes: LogitsEnvelope[]; timings: DenoiserTimings }> {
    const timings = { context: 0, noise: 0, model: 0, compress: 0 };
    const known = lanes.map((lane) => this.#known(lane, kept, owner));
    for (;;) {
      const open = lanes.flatMap((lane, i) => (known[i].length <= (lane.settled ?? 0) ? [i] : []));
      if (open.length === 0) break;
      const started = performance.now();
      const due = open.map((i) => dueAfter(lanes[i], known[i]));
      const { rows, memories } = await this.#model.next(due, owner);
      const modelled = performance.now();
      compressEach(rows, due.length, this.#vocabulary, kept).forEach((envelope, n) => {
        const { lane, position } = due[n];
        const bytes = envelope.bytes.length + this.#model.memoryBytes;
        const answer = { envelope, memory: memories[n], bytes };
        this.#answers.set(textBefore(lane, position), ownerOf(lane, kept, owner), answer);
        known[open[n]].push(answer);
      });
      timings.model += modelled - started;
      timings.compress += performance.now() - modelled;
    }
    const started = performance.now();
    const envelopes: LogitsEnvelope[] = [];
    for (const [i, lane] of lanes.entries()) envelopes.push(await this.#whole(lane, known[i], kept, owner));
    timings.compress += performance.now() - started;
    return { envelopes, timings };
  }

  /** The answers from the block's first position on, as far as they are there and asked for. */
  #known(lane: LaneStep, kept: number, owner: string): Answer<Memory>[] {
    const found: Answer<Memory>[] = [];
    const whose = ownerOf(lane, kept, owner);
    const text = textBefore(lane, 0);
    for (let position = 0; position <= (lane.settled ?? 0); position++) {
      const answer = this.#answers.get(text, whose);
      if (!answer) break;
      found.push(answer);
      if (lane.tokens) text.push(lane.tokens[position][0]);
    }
    return found;
  }

  async #whole(lane: LaneStep, known: readonly Answer<Memory>[], kept: number, owner: string) {
    const key = ownerOf(lane, kept, owner);
    const unasked = this.#unasked.get(key) ?? compress(await this.#model.unasked(lane), this.#vocabulary, kept);
    if (this.#unasked.size >= mostForms) this.#unasked.clear();
    this.#unasked.set(key, unasked);
    const envelope = emptyEnvelope(this.#block, this.#vocabulary, unasked.kept);
    for (let position = 0; position < this.#block; position++) {
      copyPosition(known[position]?.envelope ?? unasked, 0, envelope, position);
    }
    return envelope;
  }
}

/** Answers differ by how much of them is kept, and by what the form makes of logits. */
function ownerOf(lane: LaneStep, kept: number, owner: string): string {
  const { form } = lane;
  return [kept, form?.draft, form?.sharpen, form?.temperature, ownerOfLane(lane, owner)].join(' ');
}

function textBefore({ context, tokens }: LaneStep, position: number): number[] {
  return [...context, ...(tokens ?? []).slice(0, position).map(([token]) => token)];
}

function dueAfter<Memory>(lane: LaneStep, known: readonly Answer<Memory>[]): Due<Memory> {
  const position = known.length;
  const token = textBefore(lane, position).at(-1) as number;
  return { lane, position, token, memories: known.map(({ memory }) => memory) };
}

type Run = (lanes: readonly LaneStep[]) => Promise<{ envelopes: LogitsEnvelope[]; timings: DenoiserTimings }>;

/** Runs lanes of two kinds, each kind together, and puts the answers in the lanes' order. */
export async function runApart(
  lanes: readonly LaneStep[],
  isFirst: (lane: LaneStep) => boolean,
  first: Run,
  second: Run,
): ReturnType<Run> {
  const [some, others] = [lanes.filter(isFirst), lanes.filter((lane) => !isFirst(lane))];
  if (others.length === 0) return first(some);
  if (some.length === 0) return second(others);
  const [a, b] = [await first(some), await second(others)];
  const answers = [a.envelopes.values(), b.envelopes.values()];
  return {
    envelopes: lanes.map((lane) => answers[isFirst(lane) ? 0 : 1].next().value as LogitsEnvelope),
    timings: sumTimings([a.timings, b.timings]),
  };
}
