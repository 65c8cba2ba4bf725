import type { MemberAnswer } from '../../functions/reduce/reduce.ts';
import type { Decoding } from '../../models/ssd2/decoding.ts';
import { compress } from '../../models/ssd2/envelope.ts';
import { callsOf, type Generation } from '../../models/ssd2/generation.ts';
import { startLane } from '../../models/ssd2/lane.ts';

/** The shape of made-up generations. */
export const vocabulary = 12;
export const block = 3;
export const kept = 6;

export const everywhere = (endpoint: string) => [{ from: 0, to: 1, endpoint: { endpoint } }];

export function decodingOf(changes: Partial<Decoding> = {}): Decoding {
  return {
    members: [{ name: 'core', coefficient: 1, routes: everywhere('goliath') }],
    ...{ steps: 10, block, vocabulary, kept, topP: 0.95, projection: 'sample' },
    halting: { stopAt: 0.5, patience: 100, entropy: 0 },
    selfConditioning: 'fused',
    ...changes,
  };
}

export function generationOf(changes: Partial<Decoding> = {}, tokens = 6, seeds: readonly number[] = [5]): Generation {
  return { decoding: decodingOf(changes), tokens, endOfText: 0, block: 0, step: 0, lanes: seeds.map(startLane) };
}

/** The logits of a model that likes the tokens given, one a position, by as much as `nats` says. */
export function likes(nats: number, tokens: readonly number[]): Float32Array {
  const logits = new Float32Array(block * vocabulary).fill(-Math.log(vocabulary - 1 + Math.exp(nats)));
  tokens.forEach((token, position) => {
    logits[position * vocabulary + token] += nats;
  });
  return logits;
}

/** Every member's answer for every lane that is asked for. */
export function answersOf(generation: Generation, logits: Float32Array): MemberAnswer[] {
  return callsOf(generation).map(({ member, endpoint, lanes }) => {
    const envelopes = lanes.map(() => compress(logits, vocabulary, kept));
    return { member, endpoint, answer: { lanes, envelopes }, milliseconds: {} };
  });
}
