import * as z from 'zod';
import { choiceSchema, isScoring, scoreLanes, scoringStep } from './choice.ts';
import { countSchema, decodingSchema, membersAt, modelOptionsOf } from './decoding.ts';
import { logProbabilityOf, type MergedLogits } from './ensemble.ts';
import type { LogitsEnvelope } from './envelope.ts';
import { endOf, type Lane, laneSchema, wantedTokens } from './lane.ts';
import { endpointAt, endpointSchema } from './routing.ts';
import { type LaneStep, mergeAnswers, reduceStep, startOfBlock, stepReportSchema, stepTimestep } from './step.ts';

export const maxLanes = 64;

/** A generation between two steps. Its lanes denoise block after block side by side; one that is done waits. */
export const generationSchema = z
  .strictObject({
    decoding: decodingSchema,
    /** Tokens that each lane is to generate. */
    tokens: countSchema.min(1),
    endOfText: countSchema,
    /** By which a model that was taught to take turns ends one; it ends a text, too. */
    endOfTurn: countSchema.optional(),
    block: countSchema,
    /** The step to run next, from 0. */
    step: countSchema,
    lanes: z.array(laneSchema).min(1).max(maxLanes).readonly(),
    /** How one lane is chosen, where all are candidates for one text. */
    choice: choiceSchema.optional(),
  })
  .readonly();
export type Generation = z.infer<typeof generationSchema>;

export const laneIndicesSchema = z.array(countSchema).min(1).readonly();

/** One call of a step's fan-out: a member, asked for the lanes that still denoise. */
export const callSchema = z
  .strictObject({
    member: z.string(),
    endpoint: endpointSchema,
    lanes: laneIndicesSchema,
    /** Which of the contexts (see callsOf), and which of the step's self-conditionings, is this member's. */
    context: countSchema,
    previous: countSchema,
  })
  .readonly();
export type Call = z.infer<typeof callSchema>;

export const stepMessageSchema = stepReportSchema.unwrap().extend({ lane: countSchema, block: countSchema }).readonly();
type LaneReport = z.infer<typeof stepMessageSchema>;

/** Envelopes of some of a generation's lanes. */
export interface LaneEnvelopes {
  readonly lanes: readonly number[];
  readonly envelopes: readonly LogitsEnvelope[];
}

/** What a step leaves to the next: the generation, and the self-conditioning that its calls refer to, if any. */
export interface Step<Conditioning = LaneEnvelopes> {
  readonly generation: Generation;
  readonly previous: readonly (Conditioning | null)[];
}

/** Whom to ask at the next step, for which lanes; nobody when all is done. */
export function callsOf(generation: Generation): Call[] {
  const { decoding, block, step, lanes } = generation;
  const scoring = isScoring(generation);
  const running = lanes.flatMap(({ done, state }, index) => (scoring || !(done || state.done) ? [index] : []));
  if (running.length === 0) return [];
  const t = stepTimestep(decoding, step);
  const conditioned = step > 0 && decoding.selfConditioning === 'own';
  const members = membersAt(decoding, block);
  // A fallback's contexts stand behind those of the members, so that no member's is ever taken for another's.
  const first = members === decoding.members ? 0 : decoding.members.length;
  return members.map(({ name, routes }, index) => {
    return {
      member: name,
      endpoint: endpointAt(routes, t),
      lanes: running,
      context: first + index,
      previous: conditioned ? index : 0,
    };
  });
}

/**
 * What a call asks of its model: each lane with its context, the blocks before this one, and its self-conditioning.
 *
 * @param contexts by lane; candidates share one
 */
export function laneSteps(
  generation: Generation,
  call: Call,
  contexts: readonly (readonly number[])[],
  previous: LaneEnvelopes | null,
): LaneStep[] {
  const { decoding, block, step, lanes, choice } = generation;
  return call.lanes.map((index) => {
    const context = choice ? contexts[0] : contexts[index];
    if (choice && isScoring(generation)) return scoringStep(generation, choice, lanes[index], context);
    const { seed, lane, committed, state } = lanes[index];
    return {
      ...modelOptionsOf(decoding),
      ...{ seed, lane, block, step },
      context: [...context, ...committed],
      ...(committed.length > 0 ? { given: context.length } : {}),
      tokens: state.tokens,
      ...(state.settled ? { settled: state.settled } : {}),
      previous: previous && envelopeOf(previous, index),
    };
  });
}

function envelopeOf({ lanes, envelopes }: LaneEnvelopes, lane: number): LogitsEnvelope {
  const envelope = envelopes[lanes.indexOf(lane)];
  if (!envelope) throw new Error(`no envelope of lane ${lane}`);
  return envelope;
}

export interface ReducedLanes {
  readonly generation: Generation;
  /** What the members are to see at the next step, if that is the merged logits. */
  readonly merged: LaneEnvelopes | null;
  /** Whether a block ended, or all that follows the last one. */
  readonly blockDone: boolean;
  readonly reports: readonly LaneReport[];
}

/**
 * One denoise step of every lane, once all members have answered. When the last lane has finished the block, the next
 * one begins; after the last one, candidates may be left to be scored.
 *
 * @param answers by member name
 * @param detailed whether reports are to say who decided at each position
 */
export function reduceLanes(
  generation: Generation,
  answers: ReadonlyMap<string, LaneEnvelopes>,
  detailed = false,
): ReducedLanes {
  const { block, step, choice } = generation;
  const decoding = { ...generation.decoding, members: membersAt(generation.decoding, block) };
  const answersFor = (index: number) =>
    new Map([...answers].map(([member, answer]) => [member, envelopeOf(answer, index)]));
  if (choice && isScoring(generation)) {
    const logits = generation.lanes.map((_, index) => mergeAnswers(decoding, step, answersFor(index)));
    const scored = { ...generation, ...scoreLanes(generation, choice, logits) };
    return { generation: scored, merged: null, blockDone: isDone(scored), reports: [] };
  }
  const ends = (token: number) => endOf(generation, [token]) === 0;
  const reports: LaneReport[] = [];
  const merged: { lanes: number[]; envelopes: LogitsEnvelope[] } = { lanes: [], envelopes: [] };
  const lanes = generation.lanes.map((lane, index): Lane => {
    if (lane.done || lane.state.done) return lane;
    const address = { seed: lane.seed, lane: lane.lane, block, step };
    const needed = Math.min(decoding.block, wantedTokens(generation, lane) - lane.committed.length);
    const reduced = reduceStep(decoding, address, lane.state, answersFor(index), { needed, ends, detailed });
    reports.push({ lane: index, block, ...reduced.report });
    if (reduced.merged) {
      merged.lanes.push(index);
      merged.envelopes.push(reduced.merged);
    }
    const stepped = { ...lane, state: reduced.state, steps: lane.steps + 1 };
    if (!choice || choice.suffix || !reduced.state.done) return stepped;
    const logProbability = blockLogProbability(generation, reduced.state.argmax.slice(0, needed), reduced.logits);
    return { ...stepped, state: { ...reduced.state, logProbability } };
  });
  const blockDone = lanes.every(({ done, state }) => done || state.done);
  return {
    generation: blockDone
      ? { ...generation, block: block + 1, step: 0, lanes: lanes.map((lane) => commit(generation, lane)) }
      : { ...generation, step: step + 1, lanes },
    merged: blockDone || merged.lanes.length === 0 ? null : merged,
    blockDone,
    reports,
  };
}

/** Of a block's tokens up to end-of-text, in nats, by the logits that they were chosen from. */
function blockLogProbability(generation: Generation, tokens: readonly number[], logits: MergedLogits): number {
  const { decoding } = generation;
  const end = endOf(generation, tokens);
  return tokens
    .slice(0, end < 0 ? tokens.length : end + 1)
    .reduce((sum, token, position) => sum + logProbabilityOf(logits[position], token, decoding.vocabulary), 0);
}

/** Appends a lane's finished block: its tokens are the argmax of the last merged logits. */
function commit(generation: Generation, lane: Lane): Lane {
  if (lane.done) return lane;
  const committed = [...lane.committed, ...lane.state.argmax];
  const ended = endOf(generation, lane.state.argmax) >= 0;
  const own = lane.state.logProbability;
  return {
    ...lane,
    ...(own === undefined ? {} : { logProbability: (lane.logProbability ?? 0) + own }),
    ...{ committed, done: ended || committed.length >= wantedTokens(generation, lane), state: startOfBlock },
  };
}

/**
 * The generation at the start of its block, from which on it is its fallback's, so that its text is a function of that
 * block's number alone: whichever step was lost, nothing that the lost member said of the block is left.
 *
 * @returns undefined for a generation that has no fallback at a loss, whose block is its fallback's already, or that is
 *   past the start of what the scoring of its candidates began with
 */
export function fallenBack(generation: Generation): Generation | undefined {
  const { decoding, block, lanes, choice } = generation;
  const { fallback } = decoding;
  if (!fallback?.atLoss || membersAt(decoding, block) === fallback.members) return undefined;
  if (choice && choice.round > 0) return undefined;
  return {
    ...generation,
    decoding: { ...decoding, fallback: { ...fallback, from: block } },
    step: 0,
    lanes: lanes.map((lane) => ({ ...lane, state: startOfBlock })),
  };
}

export function isDone(generation: Generation): boolean {
  return generation.lanes.every(({ done }) => done) && !isScoring(generation);
}

/** The number of blocks that a lane has finished. */
export function blocksOf({ decoding }: Generation, { committed }: Lane): number {
  return committed.length / decoding.block;
}
