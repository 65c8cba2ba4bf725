import { compressMerged, type MergedLogits, merge } from './ensemble.ts';
import type { LogitsEnvelope } from './envelope.ts';
import { type HaltingRule, meanEntropy, stepsToRun } from './halting.ts';
import { uniform } from './noise.ts';
import { likeliest, type Projection, project } from './projection.ts';
import { endpointAt, type RoutingTable } from './routing.ts';
import { timestepOf } from './schedule.ts';

/** A model's part in an ensemble. */
export interface Member {
  readonly name: string;
  readonly coefficient: number;
  readonly routes: RoutingTable;
}

/** What stays the same through a generation. */
export interface Decoding {
  readonly members: readonly Member[];
  readonly seed: number;
  readonly lane: number;
  /** N, the number of evenly spaced timesteps from 1 down; how many of them run is up to `halting`. */
  readonly steps: number;
  readonly block: number;
  readonly vocabulary: number;
  readonly projection: Projection;
  readonly topP: number;
  readonly halting: HaltingRule;
  /** Whether members see the merged logits of the step before, or each its own. */
  readonly selfConditioning: 'fused' | 'own';
  /** Entries a position that a logits envelope keeps. */
  readonly kept: number;
}

/** All that one step leaves to the next, besides what Decoding fixes. */
export interface BlockState {
  readonly index: number;
  /** The step to run next, from 0. */
  readonly step: number;
  /** The projected tokens of each position; null before the first step. */
  readonly tokens: readonly (readonly number[])[] | null;
  /** Self-conditioning by member name, under `fused` the same for all; null before the first step. */
  readonly previous: Readonly<Record<string, LogitsEnvelope>> | null;
  /** The likeliest tokens so far, and for how many steps they have not changed. */
  readonly argmax: readonly number[];
  readonly unchanged: number;
  readonly done: boolean;
}

/** What one lane asks of a model at one step: enough to rebuild the noised simplex. */
export interface LaneStep {
  readonly context: readonly number[];
  readonly tokens: BlockState['tokens'];
  readonly previous: LogitsEnvelope | null;
  readonly seed: number;
  readonly lane: number;
  readonly block: number;
  readonly step: number;
  readonly steps: number;
}

/** One call of a step's fan-out. */
export interface MemberCall {
  readonly member: string;
  readonly endpoint: string;
}

export interface StepReport {
  readonly step: number;
  readonly t: number;
  readonly tokens: readonly number[];
  /** Mean probability of the likeliest tokens. */
  readonly confidence: number;
  /** Mean entropy in nats. */
  readonly entropy: number;
  /** Positions whose likeliest token changed. */
  readonly changed: readonly number[];
}

export function startBlock(index: number): BlockState {
  return { index, step: 0, tokens: null, previous: null, argmax: [], unchanged: 0, done: false };
}

/** Who is asked at the next step. */
export function memberCalls(decoding: Decoding, state: BlockState): MemberCall[] {
  const t = timestepOf(state.step, decoding.steps);
  return decoding.members.map(({ name, routes }) => ({ member: name, endpoint: endpointAt(routes, t) }));
}

export function laneStep(decoding: Decoding, state: BlockState, member: string, context: readonly number[]): LaneStep {
  const { seed, lane, steps } = decoding;
  const previous = state.previous?.[decoding.selfConditioning === 'fused' ? fused : member] ?? null;
  return { context, tokens: state.tokens, previous, seed, lane, block: state.index, step: state.step, steps };
}

const fused = 'merged';

/**
 * One denoise step, once every member has answered: merge, project, decide whether to stop. A pure function of its
 * arguments, so a step run twice gives the same state.
 *
 * @throws Error when a member's answer is missing
 */
export function reduceStep(
  decoding: Decoding,
  state: BlockState,
  answers: Readonly<Record<string, LogitsEnvelope>>,
): { state: BlockState; report: StepReport } {
  const { members, steps, halting, projection, topP, seed, lane, vocabulary, kept } = decoding;
  const merged = merge(
    members.map(({ name, coefficient }) => {
      const envelope = answers[name];
      if (!envelope) throw new Error(`no answer of ${name} for step ${state.step}`);
      return { coefficient, envelope };
    }),
  );
  const argmax = merged.map(likeliest);
  const changed = argmax.flatMap((token, position) => (token === state.argmax[position] ? [] : [position]));
  const unchanged = changed.length === 0 ? state.unchanged + 1 : 0;
  const entropy = meanEntropy(merged);
  const next = state.step + 1;
  const converged = unchanged >= halting.patience && entropy < halting.entropy;
  const draw = (position: number) => uniform({ seed, lane, block: state.index, step: state.step, position });
  return {
    state: {
      index: state.index,
      step: next,
      tokens: project(merged, projection, topP, draw),
      previous: decoding.selfConditioning === 'fused' ? { [fused]: compressMerged(merged, vocabulary, kept) } : answers,
      argmax,
      unchanged,
      done: converged || next >= stepsToRun(steps, halting.stopAt),
    },
    report: {
      step: state.step,
      t: timestepOf(state.step, steps),
      tokens: argmax,
      confidence: confidence(merged),
      entropy,
      changed,
    },
  };
}

/** The mean probability of the likeliest tokens. */
function confidence(merged: MergedLogits): number {
  let sum = 0;
  for (const { probabilities } of merged) {
    let top = 0;
    for (let i = 0; i < probabilities.length; i++) if (probabilities[i] > top) top = probabilities[i];
    sum += top;
  }
  return sum / merged.length;
}
