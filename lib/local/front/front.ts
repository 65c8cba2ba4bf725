import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { APIGatewayProxyResult } from 'aws-lambda';
import type { AuthorizerContext } from '../../../functions/contracts/caller.ts';
import { ApiError, problemHeaders, problemOf } from '../../../functions/contracts/problem.ts';
import type { PageServer } from '../../console/page-server.ts';
import { gatewayEvent } from './gateway-event.ts';
import { matchRoute } from './route-match.ts';

export interface FrontOptions {
  /** Whose a key is, or undefined for a key that is none or not in use. */
  readonly authorise: (authorization: string) => Promise<AuthorizerContext | undefined>;
  readonly api: (event: unknown) => Promise<unknown>;
  readonly operate: (event: unknown) => Promise<unknown>;
  readonly stream: (event: unknown, response: ServerResponse) => Promise<unknown>;
  /** The console's files, which stand beside the API. */
  readonly page?: PageServer;
  /** Web origins whose pages may call; none by default. */
  readonly corsOrigins?: readonly string[];
  /** How long a request may take to arrive. */
  readonly requestMilliseconds?: number;
  /** Told of what went wrong beside the functions. */
  readonly onFailure?: (error: Error, requestId: string) => void;
}

/** API Gateway's limit. */
const mostBodyBytes = 10 * 2 ** 20;
const headerMilliseconds = 10_000;
const usualRequestMilliseconds = 30_000;

/**
 * The REST API on this machine: what API Gateway does before and after the same functions, with the same bodies where it
 * refuses by itself.
 */
export function frontServer(options: FrontOptions): Server {
  const { requestMilliseconds = usualRequestMilliseconds } = options;
  const server = createServer(
    {
      headersTimeout: Math.min(headerMilliseconds, requestMilliseconds),
      requestTimeout: requestMilliseconds,
      connectionsCheckingInterval: Math.min(1_000, requestMilliseconds),
      maxHeaderSize: 10_240,
      keepAliveTimeout: 65_000,
    },
    (request, response) => void serve(request, response, options),
  );
  return server.on('clientError', refuseConnection);
}

async function serve(request: IncomingMessage, response: ServerResponse, options: FrontOptions): Promise<void> {
  const requestId = randomUUID();
  const cors = corsHeaders(request, options.corsOrigins ?? []);
  for (const [name, value] of Object.entries(cors)) response.setHeader(name, value);
  try {
    await answer(request, response, requestId, options);
  } catch (thrown) {
    const error =
      thrown instanceof ApiError ? thrown : new ApiError('internal_error', 'the gateway failed', { cause: thrown });
    if (error !== thrown && !response.destroyed) options.onFailure?.(thrown as Error, requestId);
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    // What is left of the request is not read.
    if (!request.complete) response.setHeader('connection', 'close');
    response.writeHead(error.status, { 'x-request-id': requestId, ...problemHeaders(error) });
    response.end(JSON.stringify(problemOf(error, requestId)));
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  { authorise, api, operate, stream, page }: FrontOptions,
): Promise<void> {
  const { method = 'GET', headers } = request;
  const url = URL.parse(request.url ?? '/', 'http://localhost');
  if (!url) throw new ApiError('invalid_request', 'the address is none');
  if (method === 'OPTIONS') {
    response.writeHead(204).end();
    return;
  }
  if (page?.(request, response, url.pathname)) return;
  const match = matchRoute(method, url.pathname);
  if ('methods' in match) {
    if (match.methods.length === 0) throw new ApiError('not_found', 'there is no such route');
    const allow = match.methods.join(', ');
    throw new ApiError('method_not_allowed', `there are ${allow}`, { headers: { allow } });
  }
  const authorizer = match.route.scope === undefined ? undefined : await callerBy(headers.authorization, authorise);
  const body = await bodyOf(request);
  const event = gatewayEvent({ request, url, match, body, requestId, authorizer });
  if (match.route.function === 'stream') {
    await stream(event, response);
    return;
  }
  const buffered = match.route.function === 'operate' ? operate : api;
  const result = (await buffered(event)) as APIGatewayProxyResult;
  response.writeHead(result.statusCode, result.headers as Record<string, string>);
  response.end(result.body);
}

async function callerBy(
  authorization: string | undefined,
  authorise: FrontOptions['authorise'],
): Promise<AuthorizerContext> {
  if (authorization === undefined) {
    throw new ApiError('invalid_api_key', 'authorization: Bearer and a key are needed');
  }
  const found = await authorise(authorization);
  if (!found) throw new ApiError('invalid_api_key', 'authorization: the key is none that is in use');
  return found;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request) {
      size += chunk.length;
      if (size > mostBodyBytes) {
        throw new ApiError('body_too_large', 'the body is larger than the gateway takes');
      }
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError('request_timeout', 'the request did not arrive as a whole', { cause: error });
  }
  return Buffer.concat(chunks);
}

function corsHeaders({ headers, method }: IncomingMessage, origins: readonly string[]): Record<string, string> {
  const { origin } = headers;
  if (origin === undefined || !origins.includes(origin)) return {};
  return {
    'access-control-allow-origin': origin,
    vary: 'origin',
    ...(method === 'OPTIONS'
      ? {
          'access-control-allow-methods': 'GET, POST, DELETE',
          'access-control-allow-headers': 'authorization, content-type, idempotency-key, last-event-id, prefer',
          'access-control-max-age': '3600',
        }
      : {
          'access-control-expose-headers':
            'location, retry-after, x-request-id, ratelimit, ratelimit-policy, slingshot-degraded',
        }),
  };
}

/** What is no HTTP, or takes too long to be a request, is told so and hung up on. */
function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const known: Readonly<Record<string, readonly [ConstructorParameters<typeof ApiError>[0], string, string]>> = {
    ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'Request Timeout', 'the request took too long to arrive'],
    HPE_HEADER_OVERFLOW: ['headers_too_large', 'Request Header Fields Too Large', 'the headers are too large'],
  };
  const [code, phrase, detail] = known[error.code ?? ''] ?? ['invalid_request', 'Bad Request', 'that is no HTTP'];
  const problem = new ApiError(code, detail);
  const requestId = randomUUID();
  const body = JSON.stringify(problemOf(problem, requestId));
  const headers = { 'x-request-id': requestId, ...problemHeaders(problem), connection: 'close' };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${problem.status} ${phrase}\r\n${lines.join('')}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
