import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { endpointName } from '../../models/ssd2/routing.ts';
import { close, listen } from './listen.ts';
import type { LocalService } from './service.ts';

/**
 * SageMaker Runtime's InvokeEndpoint on loopback: passes a body to the container behind an endpoint, and answers as the
 * service does when the container fails.
 *
 * @param endpoints the base URL of each endpoint's container, or of each of its inference components', by endpointName;
 *   looked up at each call; an empty one is a component without a copy
 */
export async function startSageMaker(endpoints: ReadonlyMap<string, string>): Promise<LocalService> {
  const server = sageMakerServer(endpoints);
  return { environment: { AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME: await listen(server) }, stop: () => close(server) };
}

function sageMakerServer(endpoints: ReadonlyMap<string, string>): Server {
  const agent = new Agent({ keepAlive: true });
  return createServer((incoming, outgoing) => {
    const name = /^\/endpoints\/([^/]+)\/invocations$/.exec(incoming.url ?? '')?.[1];
    const component = incoming.headers['x-amzn-sagemaker-inference-component'];
    const endpoint = decodeURIComponent(name ?? '');
    const target = endpointName({ endpoint, ...(component === undefined ? {} : { component: String(component) }) });
    const container = endpoints.get(target);
    if (container === '') {
      // As the service says of a component that scaled to zero.
      const message = 'Inference Component has no capacity to process this request.';
      fail(outgoing, 400, 'ValidationError', { message });
      incoming.resume();
      return;
    }
    if (!container) {
      fail(outgoing, 400, 'ValidationError', { message: `Endpoint ${target} of account local not found.` });
      incoming.resume();
      return;
    }
    const headers = {
      'content-type': incoming.headers['content-type'],
      'content-length': incoming.headers['content-length'],
    };
    const onward = request(`${container}/invocations`, { method: 'POST', agent, headers }, (answer) => {
      const status = answer.statusCode ?? 500;
      if (status === 200) {
        outgoing.writeHead(200, { 'content-type': answer.headers['content-type'] ?? 'application/octet-stream' });
        // Whichever side ends early takes the other with it, so that the caller need not wait for its timeout.
        pipeline(answer, outgoing, () => {});
      } else void modelError(outgoing, status, answer);
    });
    onward.on('error', (error) =>
      fail(outgoing, 503, 'ServiceUnavailable', { Message: error.message || 'no connection' }),
    );
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  }).on('close', () => agent.destroy());
}

/** The container's answer inside SageMaker's ModelError. */
async function modelError(outgoing: ServerResponse, status: number, answer: IncomingMessage): Promise<void> {
  let body = '';
  for await (const chunk of answer) body += chunk;
  if (status === 503) return fail(outgoing, 429, 'ModelNotReadyException', { Message: body });
  fail(outgoing, 424, 'ModelError', {
    Message: `Received client error (${status}) from the container with message "${body}".`,
    OriginalMessage: body,
    OriginalStatusCode: status,
  });
}

function fail(response: ServerResponse, status: number, type: string, body: object): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': type });
  response.end(JSON.stringify(body));
}
