import { createServer, request, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { storeFaults } from './schedule.ts';

export type StoreFault = (typeof storeFaults)[number];

const slowDown =
  '<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>';

/** More often than the SDK tries by itself. */
const stubborn = 4;

/** Stands between the SDK's clients and the bucket, and lets calls go wrong. */
export function faultyStore(bucket: string, next: () => StoreFault | undefined): Server {
  let throttled = 0;
  return createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const kind = next();
    if (kind === 'is throttled') throttled++;
    if (kind === 'stays throttled') throttled += stubborn;
    if (throttled > 0) {
      throttled--;
      outgoing.writeHead(503, { 'content-type': 'application/xml' }).end(slowDown);
      return;
    }
    if (kind === 'is slow') await sleep(200);
    const { method, headers } = incoming;
    const onward = request(`${bucket}${incoming.url}`, { method, headers }, async (answer) => {
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part);
      const body = Buffer.concat(parts);
      if (kind === 'loses the answer') return void incoming.socket.destroy();
      const { 'transfer-encoding': _, ...kept } = answer.headers;
      outgoing.writeHead(answer.statusCode ?? 500, { ...kept, 'content-length': body.length });
      if (kind !== 'answers in part' || body.length < 2) return void outgoing.end(body);
      outgoing.write(body.subarray(0, Math.floor(body.length / 2)), () => outgoing.destroy());
    });
    onward.on('error', () => incoming.socket.destroy());
    onward.end(Buffer.concat(chunks));
  });
}
