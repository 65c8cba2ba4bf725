import { createServer, request, type ServerResponse } from 'node:http';
import { close, listen } from '../../lib/local/listen.ts';

/** Stands before a service on loopback; whatever `fault` is set to answers in its place. */
export interface Breakable {
  readonly url: string;
  /** Undefined where calls pass. @param action DynamoDB's operation, or the method and path */
  fault: ((response: ServerResponse, action: string) => boolean) | undefined;
  stop(): Promise<void>;
}

/** @param target the service's URL; signatures stay right, for the host that was asked is handed on */
export async function breakable(target: string): Promise<Breakable> {
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const { method, url, headers } = incoming;
    const action = String(headers['x-amz-target'] ?? `${method} ${url}`).replace('DynamoDB_20120810.', '');
    if (made.fault?.(outgoing, action)) return;
    const onward = request(`${target}${url}`, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    onward.end(Buffer.concat(chunks));
  });
  const made: Breakable = { url: await listen(server), fault: undefined, stop: () => close(server) };
  return made;
}

/** What DynamoDB says to whoever asks too much of it. */
export function throttled(response: ServerResponse): boolean {
  const __type = 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException';
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(JSON.stringify({ __type, message: 'The level of configured provisioned throughput was exceeded.' }));
  return true;
}

/** An error of S3's. */
export function bucketError(response: ServerResponse, status: number, code: string): boolean {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
  return true;
}
