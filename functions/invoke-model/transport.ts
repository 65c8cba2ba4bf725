import { InvokeEndpointCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { contentType } from '../../models/serving/protocol.ts';
import { endpointName } from '../../models/ssd2/routing.ts';
import { connections } from '../shared/connections.ts';
import { setting } from '../shared/environment.ts';
import { EndpointRejected, EndpointTimeout, EndpointUnavailable, EndpointWaking } from '../shared/errors.ts';
import type { Transport } from './invoke-model.ts';

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
    requestHandler: { ...connections, requestTimeout: timeoutMilliseconds, connectionTimeout: timeoutMilliseconds },
  });
  return async (endpoint, body) => {
    // Which of a component's adapters is asked stands in the body.
    const { component } = endpoint;
    const command = new InvokeEndpointCommand({
      EndpointName: endpoint.endpoint,
      ...(component ? { InferenceComponentName: component } : {}),
      ContentType: contentType,
      Accept: contentType,
      Body: body,
    });
    try {
      const abortSignal = AbortSignal.timeout(timeoutMilliseconds);
      const { Body } = await client.send(command, { abortSignal });
      return Body ?? new Uint8Array(0);
    } catch (error) {
      throw explain(endpointName(endpoint), error as ServiceError, timeoutMilliseconds);
    }
  };
}

interface ServiceError extends Error {
  readonly OriginalStatusCode?: number;
  readonly OriginalMessage?: string;
  readonly code?: string;
}

/** As much of a container's message as a line takes. */
const messageLength = 200;

function explain(endpoint: string, error: ServiceError, timeoutMilliseconds: number): Error {
  const options = { cause: error };
  if (error.name === 'TimeoutError' || error.name === 'AbortError') {
    return new EndpointTimeout(`endpoint ${endpoint}: no answer within ${timeoutMilliseconds / 1000} s`, options);
  }
  const detail = error.OriginalMessage || error.message || error.code || error.name;
  // The SDK adds lines for whoever debugs it.
  const [line] = detail.split('\n', 1);
  const message = `endpoint ${endpoint}: ${line.slice(0, messageLength)}`;
  // A component that scaled to zero: the service's words, under the name of a request that is wrong.
  if (/has no capacity/i.test(detail)) return new EndpointWaking(message, options);
  if (error.name === 'ValidationError' || isFinal(error.OriginalStatusCode)) {
    return new EndpointRejected(message, options);
  }
  return new EndpointUnavailable(message, options);
}

/** Whether a container that answers with this status will do so again: all but 408, 429 and its own failures. */
function isFinal(status: number | undefined): boolean {
  return status !== undefined && status >= 300 && status < 500 && status !== 408 && status !== 429;
}
