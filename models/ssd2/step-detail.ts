import * as z from 'zod';
import { countSchema, type Decoding } from './decoding.ts';
import { logProbabilityOf, type MergedLogits, type MergedPosition } from './ensemble.ts';
import { idAt, type LogitsEnvelope, tailLogProbability } from './envelope.ts';
import { takeLargest } from './selection.ts';

/** The likeliest tokens of a position, likeliest first: [token, log-probability in nats]. */
const likelyTokensSchema = z.array(z.tuple([countSchema, z.number()])).readonly();
export type LikelyTokens = z.infer<typeof likelyTokensSchema>;

/** What is told of a position to whoever wants to see who decided. */
export const positionDetailSchema = z
  .strictObject({
    /** Log-probability of the position's token, in nats, merged. */
    logProbability: z.number(),
    /** The member that moved the position from the first member's likeliest token to its own; the first where none did. */
    mover: z.string(),
    merged: likelyTokensSchema,
    /** By member name. */
    members: z.record(z.string(), likelyTokensSchema).readonly(),
  })
  .readonly();
export type PositionDetail = z.infer<typeof positionDetailSchema>;

/** How many of the likeliest tokens are told. */
export const toldTokens = 5;

/** @param tokens the block's, one a position */
export function positionDetails(
  { members, vocabulary }: Pick<Decoding, 'members' | 'vocabulary'>,
  answers: ReadonlyMap<string, LogitsEnvelope>,
  merged: MergedLogits,
  tokens: readonly number[],
): PositionDetail[] {
  const given = members.map(({ name, coefficient }) => ({
    ...{ name, coefficient },
    envelope: answers.get(name) as LogitsEnvelope,
  }));
  return merged.map((position, index) => {
    const likely = given.map(({ envelope }) => likeliestOf(envelope, index));
    return {
      logProbability: rounded(logProbabilityOf(position, tokens[index], vocabulary)),
      mover: moverOf(given, index, tokens[index], likely[0][0][0]),
      merged: likeliestMerged(position),
      members: Object.fromEntries(given.map(({ name }, member) => [name, likely[member]])),
    };
  });
}

/** Probabilities of a token a position, to three decimals. */
export function probabilitiesOf(merged: MergedLogits, tokens: readonly number[], vocabulary: number): number[] {
  return merged.map((position, index) => rounded(Math.exp(logProbabilityOf(position, tokens[index], vocabulary))));
}

function likeliestMerged({ ids, logProbabilities }: MergedPosition): LikelyTokens {
  const taken = takeLargest(logProbabilities, Math.min(toldTokens, ids.length));
  return ranked(taken.map((i) => [ids[i], logProbabilities[i]]));
}

function likeliestOf(envelope: LogitsEnvelope, position: number): LikelyTokens {
  const { kept } = envelope;
  const row = Float32Array.from(envelope.logProbabilities.subarray(position * kept, (position + 1) * kept));
  return ranked(takeLargest(row, Math.min(toldTokens, kept)).map((i) => [idAt(envelope, position, i), row[i]]));
}

function ranked(tokens: [number, number][]): LikelyTokens {
  return tokens.sort(([a, p], [b, q]) => q - p || a - b).map(([token, value]) => [token, rounded(value)]);
}

interface Weighted {
  readonly name: string;
  readonly coefficient: number;
  readonly envelope: LogitsEnvelope;
}

/** Whose logits, by their weight, speak most for the token against the first member's likeliest. */
function moverOf(members: readonly Weighted[], position: number, token: number, likeliest: number): string {
  if (token === likeliest) return members[0].name;
  const push = ({ coefficient, envelope }: Weighted) =>
    coefficient * (logProbabilityIn(envelope, position, token) - logProbabilityIn(envelope, position, likeliest));
  return members.reduce((most, member) => (push(member) > push(most) ? member : most)).name;
}

function logProbabilityIn(envelope: LogitsEnvelope, position: number, token: number): number {
  const { kept } = envelope;
  for (let i = 0; i < kept; i++) {
    if (idAt(envelope, position, i) === token) return envelope.logProbabilities[position * kept + i];
  }
  return tailLogProbability(envelope, position);
}

/** Of the logarithm of nothing, JSON knows no number. */
const lowest = -1000;

function rounded(value: number): number {
  return Math.round(Math.max(value, lowest) * 1000) / 1000;
}
