import { InvokeEndpointCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import {
  type Answer,
  answerSchema,
  decodeEnvelope,
  encodeLane,
  type Invocation,
} from '../../models/serving/protocol.ts';
import type { LogitsEnvelope } from '../../models/ssd2/envelope.ts';
import { type BlockState, type Decoding, laneStep, type MemberCall } from '../../models/ssd2/step.ts';
import { firstIssue } from '../../models/zod-issue.ts';
import type { Milliseconds } from '../contracts/generation.ts';
import { setting } from '../shared/environment.ts';
import { BadAnswer, EndpointRejected, EndpointTimeout, EndpointUnavailable } from '../shared/errors.ts';

/** Sends a body to an endpoint, or `endpoint/component`, and gives its answer's. */
export type Transport = (endpoint: string, body: string) => Promise<string>;

/**
 * Asks one member for its logits at one step.
 *
 * @throws EndpointUnavailable, EndpointTimeout, EndpointRejected or BadAnswer, naming the endpoint
 */
export async function invokeModel(
  { member, endpoint }: MemberCall,
  decoding: Decoding,
  state: BlockState,
  context: readonly number[],
  send: Transport,
): Promise<{ envelope: LogitsEnvelope; milliseconds: Milliseconds }> {
  const started = performance.now();
  const lane = encodeLane(laneStep(decoding, state, member, context));
  const invocation: Invocation = { lanes: [lane], kept: decoding.kept };
  const answer = parseAnswer(endpoint, await send(endpoint, JSON.stringify(invocation)));
  const [json] = answer.lanes;
  let envelope: LogitsEnvelope;
  try {
    envelope = decodeEnvelope(json);
  } catch (error) {
    throw new BadAnswer(`endpoint ${endpoint}: ${(error as Error).message}`);
  }
  const { positions, vocabulary } = envelope;
  if (positions !== decoding.block || vocabulary !== decoding.vocabulary) {
    const expected = `${decoding.block} x ${decoding.vocabulary}`;
    throw new BadAnswer(`endpoint ${endpoint}: ${positions} x ${vocabulary} logits, expected ${expected}`);
  }
  if (envelope.logProbabilities.some(Number.isNaN))
    throw new BadAnswer(`endpoint ${endpoint}: its logits are not numbers`);
  const total = performance.now() - started;
  const inModel = Object.values(answer.milliseconds).reduce((sum, part) => sum + part, 0);
  return { envelope, milliseconds: { ...answer.milliseconds, transport: total - inModel } };
}

function parseAnswer(endpoint: string, body: string): Answer {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw new BadAnswer(`endpoint ${endpoint}: its answer is not JSON: ${body.slice(0, 60)}`);
  }
  const result = answerSchema.safeParse(json);
  if (!result.success) {
    throw new BadAnswer(`endpoint ${endpoint}: its answer's ${firstIssue(result.error, 'body')}`);
  }
  if (result.data.lanes.length !== 1)
    throw new BadAnswer(`endpoint ${endpoint}: ${result.data.lanes.length} lanes, asked for 1`);
  return result.data;
}

let transport: Transport | undefined;

/** The transport over SageMaker's InvokeEndpoint, made at the first call and kept with its connections. */
export function sharedTransport(): Transport {
  transport ??= sageMakerTransport(setting('SLINGSHOT_ENDPOINT_TIMEOUT_MS'));
  return transport;
}

function sageMakerTransport(timeoutMilliseconds: number): Transport {
  const client = new SageMakerRuntimeClient({
    // Retries are the state machine's, where they can be seen.
    maxAttempts: 1,
    requestHandler: { requestTimeout: timeoutMilliseconds, connectionTimeout: timeoutMilliseconds },
  });
  return async (endpoint, body) => {
    const [EndpointName, InferenceComponentName] = endpoint.split('/');
    const command = new InvokeEndpointCommand({
      EndpointName,
      ...(InferenceComponentName ? { InferenceComponentName } : {}),
      ContentType: 'application/json',
      Accept: 'application/json',
      Body: body,
    });
    try {
      const abortSignal = AbortSignal.timeout(timeoutMilliseconds);
      const { Body } = await client.send(command, { abortSignal });
      return Body.transformToString();
    } catch (error) {
      throw explain(endpoint, error as ServiceError, timeoutMilliseconds);
    }
  };
}

interface ServiceError extends Error {
  readonly OriginalStatusCode?: number;
  readonly OriginalMessage?: string;
  readonly code?: string;
}

function explain(endpoint: string, error: ServiceError, timeoutMilliseconds: number): Error {
  const options = { cause: error };
  if (error.name === 'TimeoutError' || error.name === 'AbortError') {
    return new EndpointTimeout(`endpoint ${endpoint}: no answer within ${timeoutMilliseconds / 1000} s`, options);
  }
  if (error.name === 'ValidationError' || error.OriginalStatusCode === 400) {
    return new EndpointRejected(`endpoint ${endpoint}: ${error.OriginalMessage || error.message}`, options);
  }
  const detail = error.OriginalMessage || error.message || error.code || error.name;
  return new EndpointUnavailable(`endpoint ${endpoint}: ${detail}`, options);
}
