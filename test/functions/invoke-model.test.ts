import { describe, expect, it } from 'vitest';
import { invokeModel, type Transport } from '../../functions/invoke-model/invoke-model.ts';
import { encodeFrame } from '../../models/serving/frame.ts';
import { type Answer, decodeInvocation, encodeAnswer } from '../../models/serving/protocol.ts';
import { compress, type LogitsEnvelope } from '../../models/ssd2/envelope.ts';
import type { LaneStep } from '../../models/ssd2/step.ts';
import { block, decodingOf, kept, likes, vocabulary } from '../support/generation.ts';

const endpoint = { endpoint: 'goliath', component: 'large', version: 'v1' };
const lane = (seed: number): LaneStep => {
  return { context: [3, 4], tokens: null, previous: null, ...{ seed, lane: 0, block: 1, step: 2, steps: 10 } };
};
const lanes = [lane(7), { ...lane(8), previous: compress(likes(1, [4]), vocabulary, kept) }];

const envelope = () => compress(likes(2, [4, 5, 6]), vocabulary, kept);
const answer = (changes: Partial<Answer> = {}): Answer => ({
  ...{ model: 'core', version: 'v1', lanes, envelopes: [envelope(), envelope()] },
  milliseconds: { context: 0, noise: 0, model: 1, compress: 0 },
  ...changes,
});
const ask = (send: Transport) => invokeModel(endpoint, 'mark', lanes, decodingOf(), send);

describe('invoke-model', () => {
  it('sends the lanes and gives an envelope for each', async () => {
    let sent: unknown;
    const { envelopes } = await ask(async (to, body) => {
      sent = { to, ...decodeInvocation(body) };
      return encodeAnswer(answer());
    });
    expect(sent).toEqual({ to: endpoint, owner: 'mark', lanes, kept });
    expect(envelopes).toEqual([envelope(), envelope()]);
  });

  const spoilt = (spoil: (envelope: LogitsEnvelope) => void) => {
    const second = envelope();
    spoil(second);
    return encodeAnswer(answer({ envelopes: [envelope(), second] }));
  };
  const swapped = (field: 'seed' | 'lane' | 'block' | 'step') =>
    encodeAnswer(answer({ lanes: [lane(7), { ...lane(8), [field]: 99 }] }));

  it.each<[string, Uint8Array, string]>([
    ['a page', Buffer.from('<html>502 Bad Gateway'), 'it begins "<html>502 Bad Gateway"'],
    ['nothing', new Uint8Array(0), 'body: 0 bytes, too few'],
    ['another head', encodeFrame({ hello: 1 }, []), 'its answer: model'],
    ['too few lanes', encodeAnswer(answer({ lanes: [lanes[0]], envelopes: [envelope()] })), 'of 1 lanes, asked for 2'],
    ['a body that is cut', encodeAnswer(answer()).subarray(0, -2), 'bytes follow the head'],
    ['an answer of another seed', swapped('seed'), 'of seed 99 in lane 1, asked for 8'],
    ['an answer of another stream', swapped('lane'), 'of lane 99 in lane 1'],
    ['an answer of another block', swapped('block'), 'of block 99 in lane 1'],
    ['an answer of another step', swapped('step'), 'of step 99 in lane 1'],
    ['an answer of another model', encodeAnswer(answer({ version: 'v2' })), 'of model version v2, expected v1'],
    [
      'another vocabulary',
      encodeAnswer(answer({ envelopes: [envelope(), compress(new Float32Array(48), 16, kept)] })),
      `${block} x 16 logits, expected ${block} x ${vocabulary}`,
    ],
    [
      'fewer entries',
      encodeAnswer(answer({ envelopes: [envelope(), compress(likes(2, []), vocabulary, 2)] })),
      '2 logits a position, expected 6',
    ],
    ['descending ids', spoilt(({ ids }) => ids.set([5, 4])), 'position 0: token 4 after 5, ids must ascend'],
    ['ids twice', spoilt(({ ids }) => ids.set([4, 4])), 'position 0: token 4 after 4'],
    ['ids outside', spoilt(({ ids }) => ids.fill(12, kept - 1, kept)), 'token 12 is outside the vocabulary of 12'],
    [
      'not a number',
      spoilt(({ logProbabilities }) => logProbabilities.fill(Number.NaN, 8, 9)),
      'position 1: a log-prob',
    ],
    ['-Infinity', spoilt(({ logProbabilities }) => logProbabilities.fill(-Infinity)), 'a log-probability of -Infinity'],
    ['+Infinity', spoilt(({ logProbabilities }) => logProbabilities.fill(Infinity, 0, 1)), 'of Infinity'],
    ['60,000', spoilt(({ logProbabilities }) => logProbabilities.fill(60_000, 0, 1)), 'of 60000, expected a finite'],
    ['a tail of NaN', spoilt(({ tailLogMass }) => tailLogMass.fill(Number.NaN, 2, 3)), "position 2: a tail's log-mass"],
    ['a tail of nothing', spoilt(({ tailLogMass }) => tailLogMass.fill(-Infinity)), "tail's log-mass of -Infinity"],
  ])('calls %s a BadAnswer and names the endpoint', async (_, body, message) => {
    const failure = await ask(async () => body).then(
      () => undefined,
      (error: Error) => error,
    );
    expect(failure).toMatchObject({ name: 'BadAnswer', message: expect.stringMatching(/^endpoint goliath\/large: /) });
    expect(failure?.message).toContain(message);
  });
});
