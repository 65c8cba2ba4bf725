import type { ServerResponse } from 'node:http';

interface Meta {
  readonly statusCode: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * What Lambda's runtime has as a global for handlers that stream: here a handler writes to an HTTP response itself. It
 * must be there before such a handler's module is loaded.
 */
export function provideStreaming(): void {
  Object.assign(globalThis, {
    awslambda: {
      streamifyResponse: <Handler>(handler: Handler): Handler => handler,
      HttpResponseStream: {
        from(response: ServerResponse, { statusCode, headers = {} }: Meta): ServerResponse {
          response.writeHead(statusCode, headers);
          response.flushHeaders();
          return response;
        },
      },
    },
  });
}
