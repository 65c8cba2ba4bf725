import type { IncomingMessage } from 'node:http';
import type { APIGatewayProxyEvent } from 'aws-lambda';
import type { AuthorizerContext } from '../../../functions/contracts/caller.ts';
import type { Match } from './route-match.ts';

export interface Received {
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly match: Match;
  readonly body: Buffer;
  readonly requestId: string;
  readonly authorizer: AuthorizerContext | undefined;
}

/** A request as API Gateway hands it to a function. */
export function gatewayEvent({ request, url, match, body, requestId, authorizer }: Received): APIGatewayProxyEvent {
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
  const names = [...new Set(url.searchParams.keys())];
  const lists = Object.fromEntries(names.map((name) => [name, url.searchParams.getAll(name)]));
  const some = (values: Record<string, unknown>) => Object.keys(values).length > 0;
  const { method = 'GET', socket } = request;
  return {
    resource: match.route.path,
    path: url.pathname,
    httpMethod: method,
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value ?? '']])),
    queryStringParameters: some(lists)
      ? Object.fromEntries(Object.entries(lists).map(([name, values]) => [name, values[values.length - 1]]))
      : null,
    multiValueQueryStringParameters: some(lists) ? lists : null,
    pathParameters: some(match.params) ? { ...match.params } : null,
    stageVariables: null,
    ...(body.length > 0
      ? { body: body.toString('base64'), isBase64Encoded: true }
      : { body: null, isBase64Encoded: false }),
    requestContext: {
      ...{ requestId, stage: 'live', httpMethod: method, path: url.pathname, resourcePath: match.route.path },
      ...{ accountId: '000000000000', apiId: 'local', resourceId: match.id, protocol: 'HTTP/1.1' },
      requestTimeEpoch: Date.now(),
      authorizer: authorizer ? { ...authorizer } : null,
      identity: { sourceIp: socket.remoteAddress ?? '' } as APIGatewayProxyEvent['requestContext']['identity'],
    },
  };
}
