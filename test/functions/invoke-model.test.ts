import { describe, expect, it } from 'vitest';
import { invokeModel, type Transport } from '../../functions/invoke-model/invoke-model.ts';
import { encodeEnvelope } from '../../models/serving/protocol.ts';
import { compress } from '../../models/ssd2/envelope.ts';
import { type Decoding, startBlock } from '../../models/ssd2/step.ts';

const decoding: Decoding = {
  members: [{ name: 'core', coefficient: 1, routes: [{ from: 0, to: 1, endpoint: 'goliath' }] }],
  ...{ seed: 1, lane: 0, steps: 4, block: 2, vocabulary: 8, projection: 'sample', topP: 0.9, kept: 4 },
  halting: { stopAt: 0, patience: 3, entropy: 0 },
  selfConditioning: 'fused',
};
const answer = (positions = 2, vocabulary = 8) => ({
  model: 'core',
  lanes: [encodeEnvelope(compress(new Float32Array(positions * vocabulary), vocabulary, 4))],
  milliseconds: { context: 0, noise: 0, model: 1, compress: 0 },
});
const call = { member: 'core', endpoint: 'goliath' };
const ask = (send: Transport) => invokeModel(call, decoding, startBlock(0), [3, 4], send);

describe('invoke-model', () => {
  it("sends the lane and decodes the endpoint's envelope", async () => {
    let sent: unknown;
    const { envelope } = await ask(async (endpoint, body) => {
      sent = { endpoint, ...JSON.parse(body) };
      return JSON.stringify(answer());
    });
    expect(sent).toMatchObject({ endpoint: 'goliath', kept: 4, lanes: [{ context: [3, 4], tokens: null, step: 0 }] });
    expect(envelope).toMatchObject({ positions: 2, vocabulary: 8, kept: 4 });
  });

  const notNumbers = {
    ...answer(),
    lanes: [{ ...answer().lanes[0], logProbabilities: Buffer.alloc(16, 0xff).toString('base64') }],
  };
  it.each([
    ['no JSON', '<html>502</html>', 'its answer is not JSON: <html>502'],
    ['another shape', '{"hello": 1}', "its answer's model"],
    ['no lanes', JSON.stringify({ ...answer(), lanes: [] }), '0 lanes, asked for 1'],
    [
      'too few bytes',
      JSON.stringify({ ...answer(), lanes: [{ ...answer().lanes[0], ids: '' }] }),
      'ids: 0 bytes, not 16',
    ],
    ['another vocabulary', JSON.stringify(answer(2, 16)), '2 x 16 logits, expected 2 x 8'],
    ['logits that are not numbers', JSON.stringify(notNumbers), 'its logits are not numbers'],
  ])('calls %s a BadAnswer and names the endpoint', async (_, body, message) => {
    const expected = { name: 'BadAnswer', message: expect.stringMatching(/^endpoint goliath: /) };
    await expect(ask(async () => body)).rejects.toThrow(expect.objectContaining(expected));
    await expect(ask(async () => body)).rejects.toThrow(message);
  });
});
