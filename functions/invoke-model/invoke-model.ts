import { type Answer, decodeAnswer, encodeInvocation, ProtocolError } from '../../models/serving/protocol.ts';
import type { Decoding } from '../../models/ssd2/decoding.ts';
import type { LogitsEnvelope } from '../../models/ssd2/envelope.ts';
import { checkEnvelope } from '../../models/ssd2/envelope-check.ts';
import { type Endpoint, endpointName } from '../../models/ssd2/routing.ts';
import type { LaneStep } from '../../models/ssd2/step.ts';
import type { Milliseconds } from '../contracts/generation.ts';
import { BadAnswer } from '../shared/errors.ts';

/** Sends a body to an endpoint and gives its answer's. */
export type Transport = (endpoint: Endpoint, body: Uint8Array) => Promise<Uint8Array>;

/**
 * Asks a model for the logits of lanes at one step.
 *
 * @param owner whose they are (see owner-mark.ts)
 * @param background whether nobody waits for them
 * @throws EndpointUnavailable, EndpointTimeout, EndpointRejected or BadAnswer, naming the endpoint
 */
export async function invokeModel(
  endpoint: Endpoint,
  owner: string,
  lanes: readonly LaneStep[],
  { block, vocabulary, kept }: Pick<Decoding, 'block' | 'vocabulary' | 'kept'>,
  send: Transport,
  background = false,
): Promise<{ envelopes: readonly LogitsEnvelope[]; milliseconds: Milliseconds }> {
  const started = performance.now();
  const named = endpoint.adapter === undefined ? {} : { adapter: endpoint.adapter };
  const body = await send(endpoint, encodeInvocation({ lanes, kept, owner, background, ...named }));
  try {
    const answer = decodeAnswer(body);
    checkEcho(answer, lanes, endpoint.version);
    for (const envelope of answer.envelopes) checkEnvelope(envelope, { positions: block, vocabulary, kept });
    const inModel = Object.values(answer.milliseconds).reduce((sum, part) => sum + part, 0);
    const transport = performance.now() - started - inModel;
    return { envelopes: answer.envelopes, milliseconds: { ...answer.milliseconds, transport } };
  } catch (error) {
    const start = error instanceof ProtocolError ? beginning(body) : '';
    throw new BadAnswer(`endpoint ${endpointName(endpoint)}: its answer: ${(error as Error).message}${start}`);
  }
}

/** @throws RangeError when the answer is another's: of other lanes, another step, or another model */
function checkEcho({ lanes, version }: Answer, asked: readonly LaneStep[], expected: string | undefined): void {
  if (expected !== undefined && version !== expected) {
    throw new RangeError(`of model version ${version}, expected ${expected}`);
  }
  if (lanes.length !== asked.length) throw new RangeError(`of ${lanes.length} lanes, asked for ${asked.length}`);
  lanes.forEach((lane, index) => {
    for (const field of ['seed', 'lane', 'block', 'step'] as const) {
      if (lane[field] !== asked[index][field]) {
        throw new RangeError(`of ${field} ${lane[field]} in lane ${index}, asked for ${asked[index][field]}`);
      }
    }
  });
}

/** How a body begins, where that can be read: a proxy's page, say. */
function beginning(body: Uint8Array): string {
  const text = Buffer.from(body.subarray(0, 60)).toString('latin1');
  return /^[\x20-\x7e\s]+$/.test(text) ? `; it begins ${JSON.stringify(text)}` : '';
}
