import type { StepModel } from '../models/inference/step-model.ts';
import { chosenLane } from '../models/ssd2/choice.ts';
import type { Decoding } from '../models/ssd2/decoding.ts';
import { merge } from '../models/ssd2/ensemble.ts';
import { type Form, nextTokenForm } from '../models/ssd2/form.ts';
import { callsOf, type Generation, laneSteps, reduceLanes } from '../models/ssd2/generation.ts';
import { generatedTokens, startCandidates } from '../models/ssd2/lane.ts';
import { perturbedChoice } from '../models/ssd2/projection.ts';
import type { LaneStep } from '../models/ssd2/step.ts';

/** Held-out text in three parts, in token ids. */
export interface Gap {
  readonly left: readonly number[];
  readonly middle: readonly number[];
  readonly right: readonly number[];
}

type Text = readonly number[];

/** What became of a gap's candidates. */
export interface Filled {
  /** The first candidate, and the best of the first 2, 4, ... by the likelihood of the right text. */
  readonly bestOf: ReadonlyMap<number, Text>;
  /** The best of all, its last 1, 2, ... tokens looked at again. */
  readonly looked: readonly Text[];
  /** Of the network over the candidates' lanes, until all were written. */
  readonly passes: number;
}

const kept = 256;
const topP = 0.9;
const mostSteps = 100;
const endpoint = { endpoint: 'core' };

/** Fills gaps by one model alone. */
export class GapFiller {
  readonly #model: StepModel;
  readonly #endOfText: number;

  constructor(model: StepModel, endOfText: number) {
    this.#model = model;
    this.#endOfText = endOfText;
  }

  /** As requests are: candidates from the left text alone, by a form without the denoiser; then `looks`. */
  async fromLeft(gap: Gap, form: Form, seed: number, count: number, looks: number): Promise<Filled> {
    let generation = this.#generation(gap, form, seed, count, looks);
    let passes = 0;
    while (!generation.lanes.every(({ done }) => done)) {
      passes += callsOf(generation)[0].lanes.length;
      generation = await this.#step(generation, gap);
    }
    return this.#choose(generation, gap, passes / count);
  }

  /** Candidates by a wave of the denoiser, which sees the right text as clean tokens of the block; then `looks`. */
  async byWave(gap: Gap, form: Form, seed: number, count: number, looks: number): Promise<Filled> {
    const { texts, passes } = await this.#wave(gap, form, seed, count);
    const generation = this.#generation(gap, form, seed, count, looks);
    const { block } = this.#model.config;
    const lanes = generation.lanes.map((lane, i) => {
      const committed = Array.from({ length: block }, (_, p) => texts[i][p] ?? this.#endOfText);
      return { ...lane, committed, done: true };
    });
    return this.#choose({ ...generation, lanes }, gap, passes / count);
  }

  /** The log-probability of the right text after another, in nats. */
  async rightLogProbability({ left, right }: Gap, text: Text): Promise<number> {
    const gap = { left, middle: text, right };
    const written = this.#generation(gap, nextTokenForm, 0, 1, 0);
    const [lane] = written.lanes;
    const committed = [...text, ...new Array<number>(this.#model.config.block).fill(this.#endOfText)];
    const scored = await this.#step({ ...written, lanes: [{ ...lane, committed, done: true }] }, gap);
    return scored.lanes[0].logProbability as number;
  }

  #generation({ middle, right }: Gap, form: Form, seed: number, count: number, looks: number): Generation {
    const { block, vocabulary } = this.#model.config;
    const decoding: Decoding = {
      ...{ form, steps: mostSteps, block, vocabulary, projection: 'sample', topP, kept, selfConditioning: 'none' },
      members: [{ name: 'core', coefficient: 1, routes: [{ from: 0, to: 1, endpoint }] }],
      halting: { stopAt: 0, patience: mostSteps, entropy: 0 },
    };
    const lengths = new Array<number>(count).fill(middle.length);
    return {
      ...{ decoding, tokens: middle.length, endOfText: this.#endOfText, block: 0, step: 0 },
      lanes: startCandidates(seed, lengths),
      choice: { suffix: right, round: 0, rounds: 1 + looks },
    };
  }

  async #step(generation: Generation, { left }: Gap): Promise<Generation> {
    const [call] = callsOf(generation);
    const { envelopes } = await this.#model.denoise(laneSteps(generation, call, [left], null), kept, '');
    return reduceLanes(generation, new Map([['core', { lanes: call.lanes, envelopes }]])).generation;
  }

  async #choose(written: Generation, gap: Gap, passes: number): Promise<Filled> {
    const textOf = (generation: Generation, lane: number) => generatedTokens(generation, generation.lanes[lane]);
    const { choice } = written;
    if (!choice) throw new TypeError('a generation without candidates');
    const count = written.lanes.length;
    const looked: Text[] = [];
    const bestOf = new Map<number, Text>();
    let generation = written;
    for (let round = 0; round < choice.rounds; round++) {
      generation = await this.#step(generation, gap);
      const over = generation.choice?.round === choice.rounds;
      // Until the last round the best stands first.
      const best = textOf(generation, over ? chosenLane(generation, choice) : 0);
      if (round > 0) looked.push(best);
      else {
        const scored = written.lanes.map((lane, i) => {
          return { ...lane, logProbability: generation.lanes[i].logProbability as number };
        });
        for (let some = 1; some <= count; some *= 2) {
          bestOf.set(some, textOf(written, chosenLane({ ...written, lanes: scored.slice(0, some) }, choice)));
        }
      }
      if (over) break;
    }
    return { bestOf, looked, passes };
  }

  /** A position is chosen for good once all to its left are, and its own choice stood still. */
  async #wave({ left, middle, right }: Gap, form: Form, seed: number, count: number) {
    const { block } = this.#model.config;
    const length = middle.length;
    const known = right.slice(0, block - length);
    const filler = new Array<number>(block - length - known.length).fill(this.#endOfText);
    const lanes = Array.from({ length: count }, (_, lane) => {
      return { lane, text: new Array<number>(length).fill(this.#endOfText), settled: 0 };
    });
    let passes = 0;
    for (let step = 0; lanes.some(({ settled }) => settled < length) && step < mostSteps; step++) {
      const running = lanes.filter(({ settled }) => settled < length);
      passes += running.length;
      const asked = running.map(({ lane, text, settled }): LaneStep => {
        // From the first position that is not settled on: the wave, then the right text, then nothing known.
        const rising = text.slice(settled).map((_, i) => {
          return step === 0 ? 1 : form.timesteps[Math.min(i, form.timesteps.length - 1)];
        });
        const timesteps = [...rising, ...known.map(() => clean), ...filler.map(() => 1)];
        return {
          ...{ steps: mostSteps, form: { ...form, timesteps }, seed, lane, block: 0, step, settled },
          ...{ context: left, tokens: [...text, ...known, ...filler].map((token) => [token]), previous: null },
        };
      });
      const { envelopes } = await this.#model.denoise(asked, kept, '');
      running.forEach((own, i) => {
        const merged = merge([{ coefficient: 1, envelope: envelopes[i] }]);
        const chosen = own.text.map((token, position) => {
          if (position < own.settled) return token;
          return perturbedChoice(merged[position], topP, { seed, lane: own.lane, block: 0, step: 0, position });
        });
        const change = chosen.findIndex((token, position) => token !== own.text[position]);
        own.text = chosen;
        own.settled = change < 0 ? length : change + 1;
      });
    }
    return { texts: lanes.map(({ text }) => text), passes };
  }
}

/** Next to no noise. */
const clean = 1e-3;
