import * as z from 'zod';
import { countSchema, seedSchema, tokenIdsSchema } from './decoding.ts';
import { blockStateSchema, startOfBlock } from './step.ts';

/** One sequence of a generation. */
export const laneSchema = z
  .strictObject({
    seed: seedSchema,
    /** The stream of the seed's noise. */
    lane: countSchema,
    /** Tokens that it is to generate, where that is its own matter. */
    tokens: countSchema.min(1).optional(),
    /** The tokens of finished blocks, whole, as the models see them. */
    committed: tokenIdsSchema,
    /** Denoise steps run so far, over all blocks. */
    steps: countSchema,
    done: z.boolean(),
    state: blockStateSchema,
    /** In nats, of what candidates are compared by (see choice.ts). */
    logProbability: z.number().optional(),
  })
  .readonly();
export type Lane = z.infer<typeof laneSchema>;

/** What of a generation says when a lane's text ends. */
interface TextEnd {
  readonly tokens: number;
  readonly endOfText: number;
  readonly endOfTurn?: number | undefined;
}

/** Where the first token that ends a text stands, or -1. */
export function endOf({ endOfText, endOfTurn }: Omit<TextEnd, 'tokens'>, ids: readonly number[]): number {
  return ids.findIndex((id) => id === endOfText || id === endOfTurn);
}

export function startLane(seed: number): Lane {
  return { seed, lane: 0, committed: [], steps: 0, done: false, state: startOfBlock };
}

/** Lanes that are candidates for one text, by the tokens that each is to generate: one seed, a stream of its noise each. */
export function startCandidates(seed: number, lengths: readonly number[]): Lane[] {
  return lengths.map((tokens, lane) => ({ ...startLane(seed), lane, tokens }));
}

export function wantedTokens({ tokens }: Pick<TextEnd, 'tokens'>, lane: Lane): number {
  return lane.tokens ?? tokens;
}

/** A lane's text so far, in token ids: up to end-of-text, or to as many tokens as were asked for. */
export function generatedTokens(generation: TextEnd, lane: Lane): readonly number[] {
  const { committed } = lane;
  const end = endOf(generation, committed);
  return committed.slice(0, Math.min(wantedTokens(generation, lane), end < 0 ? committed.length : end));
}
