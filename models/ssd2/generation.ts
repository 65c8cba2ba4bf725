import * as z from 'zod';
import { countSchema, decodingSchema, modelOptionsOf, seedSchema, tokenIdsSchema } from './decoding.ts';
import type { LogitsEnvelope } from './envelope.ts';
import { endpointAt, endpointSchema } from './routing.ts';
import { blockStateSchema, type LaneStep, reduceStep, startOfBlock, stepReportSchema, stepTimestep } from './step.ts';

/** One sequence of a generation. */
const laneSchema = z
  .strictObject({
    seed: seedSchema,
    /** The stream of the seed's noise. */
    lane: countSchema,
    /** The tokens of finished blocks, whole, as the models see them. */
    committed: tokenIdsSchema,
    /** Denoise steps run so far, over all blocks. */
    steps: countSchema,
    done: z.boolean(),
    state: blockStateSchema,
  })
  .readonly();
export type Lane = z.infer<typeof laneSchema>;

export const maxLanes = 64;

/** A generation between two steps. Its lanes denoise block after block side by side; one that is done waits. */
export const generationSchema = z
  .strictObject({
    decoding: decodingSchema,
    /** Tokens that each lane is to generate. */
    tokens: countSchema.min(1),
    endOfText: countSchema,
    block: countSchema,
    /** The step to run next, from 0. */
    step: countSchema,
    lanes: z.array(laneSchema).min(1).max(maxLanes).readonly(),
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
    /** Which of the members' contexts, and which of the step's self-conditionings, is this member's. */
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

export function startLane(seed: number): Lane {
  return { seed, lane: 0, committed: [], steps: 0, done: false, state: startOfBlock };
}

/** Whom to ask at the next step, for which lanes; nobody when all lanes are done. */
export function callsOf({ decoding, step, lanes }: Generation): Call[] {
  const running = lanes.flatMap(({ done, state }, index) => (done || state.done ? [] : [index]));
  if (running.length === 0) return [];
  const t = stepTimestep(decoding, step);
  const conditioned = step > 0 && decoding.selfConditioning === 'own';
  return decoding.members.map(({ name, routes }, index) => {
    return {
      member: name,
      endpoint: endpointAt(routes, t),
      lanes: running,
      context: index,
      previous: conditioned ? index : 0,
    };
  });
}

/** What a call asks of its model: each lane with its context, the blocks before this one, and its self-conditioning. */
export function laneSteps(
  { decoding, block, step, lanes }: Generation,
  call: Call,
  contexts: readonly (readonly number[])[],
  previous: LaneEnvelopes | null,
): LaneStep[] {
  return call.lanes.map((index) => {
    const { seed, lane, committed, state } = lanes[index];
    return {
      ...modelOptionsOf(decoding),
      ...{ seed, lane, block, step },
      context: [...contexts[index], ...committed],
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

/**
 * One denoise step of every lane, once all members have answered. When the last lane has finished the block, the next
 * one begins.
 *
 * @param answers by member name
 * @returns `merged` where the members are to see the merged logits at the next step, else null
 */
export function reduceLanes(
  generation: Generation,
  answers: ReadonlyMap<string, LaneEnvelopes>,
): { generation: Generation; merged: LaneEnvelopes | null; reports: LaneReport[] } {
  const { decoding, block, step } = generation;
  const reports: LaneReport[] = [];
  const merged: { lanes: number[]; envelopes: LogitsEnvelope[] } = { lanes: [], envelopes: [] };
  const lanes = generation.lanes.map((lane, index) => {
    if (lane.done || lane.state.done) return lane;
    const own = new Map([...answers].map(([member, answer]) => [member, envelopeOf(answer, index)]));
    const reduced = reduceStep(decoding, { seed: lane.seed, lane: lane.lane, block, step }, lane.state, own);
    reports.push({ lane: index, block, ...reduced.report });
    if (reduced.merged) {
      merged.lanes.push(index);
      merged.envelopes.push(reduced.merged);
    }
    return { ...lane, state: reduced.state, steps: lane.steps + 1 };
  });
  const blockDone = lanes.every(({ done, state }) => done || state.done);
  return {
    generation: blockDone
      ? { ...generation, block: block + 1, step: 0, lanes: lanes.map((lane) => commit(generation, lane)) }
      : { ...generation, step: step + 1, lanes },
    merged: blockDone || merged.lanes.length === 0 ? null : merged,
    reports,
  };
}

/** Appends a lane's finished block: its tokens are the argmax of the last merged logits. */
function commit({ tokens, endOfText }: Generation, lane: Lane): Lane {
  if (lane.done) return lane;
  const committed = [...lane.committed, ...lane.state.argmax];
  const done = lane.state.argmax.includes(endOfText) || committed.length >= tokens;
  return { ...lane, committed, done, state: startOfBlock };
}

/** A lane's text so far, in token ids: up to end-of-text, or to as many tokens as were asked for. */
export function generatedTokens({ tokens, endOfText }: Generation, { committed }: Lane): readonly number[] {
  const end = committed.indexOf(endOfText);
  return committed.slice(0, Math.min(tokens, end < 0 ? committed.length : end));
}

export function isDone({ lanes }: Generation): boolean {
  return lanes.every(({ done }) => done);
}

/** The number of blocks that a lane has finished. */
export function blocksOf({ decoding }: Generation, { committed }: Lane): number {
  return committed.length / decoding.block;
}
