import { createServer, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeAnswer, decodeInvocation, encodeAnswer } from '../../models/serving/protocol.ts';
import { readEnvelope } from '../../models/ssd2/envelope.ts';
import type { LaneStep } from '../../models/ssd2/step.ts';
import type { endpointFaults } from './schedule.ts';

/** With one that no other try cures. */
export type EndpointFault = (typeof endpointFaults)[number] | 'rejects';

export interface FaultyEndpoint {
  /** Where the container answers, looked up at each call. */
  readonly container: () => string;
  /** How long a caller waits. */
  readonly timeoutMilliseconds: number;
  /** What happens to a call of a run, by the seed in its lane, or by all its lanes. */
  readonly fault: (run: number, lanes: readonly LaneStep[]) => Promise<EndpointFault | undefined>;
}

/** Stands between SageMaker and a container, and lets calls go wrong. */
export function faultyEndpoint({ container, timeoutMilliseconds, fault }: FaultyEndpoint): Server {
  return createServer(async (incoming, outgoing) => {
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      const { lanes } = decodeInvocation(body);
      const kind = await fault(lanes[0].seed, lanes);
      if (kind === 'rejects') return void outgoing.writeHead(400).end('{"error":"no such context"}');
      if (kind === 'fails') return void outgoing.writeHead(500).end('{"error":"out of memory"}');
      if (kind === 'is loading') return void outgoing.writeHead(503).end('{"error":"the model is being loaded"}');
      if (kind === 'answers something else') return void outgoing.end('<html>502 Bad Gateway</html>');
      if (kind === 'refuses the connection') return void incoming.socket.destroy();
      if (kind === 'never answers') return;
      const answer = await fetch(`${container()}/invocations`, { method: 'POST', body });
      const bytes = Buffer.from(await answer.arrayBuffer());
      if (kind === 'loses the answer') return void incoming.socket.destroy();
      if (kind === 'is late') await sleep(1.5 * timeoutMilliseconds);
      outgoing.writeHead(answer.status, { 'content-length': bytes.length });
      if (kind === 'answers in part') return void breakOff(outgoing, bytes);
      outgoing.end(answer.status === 200 ? changed(bytes, kind) : bytes);
    } catch {
      // The container is not there: as SageMaker sees it, the connection ends.
      incoming.socket.destroy();
    }
  });
}

function breakOff(outgoing: ServerResponse, bytes: Uint8Array): void {
  outgoing.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => outgoing.destroy());
}

function changed(bytes: Uint8Array, kind: EndpointFault | undefined): Uint8Array {
  if (kind !== 'answers another step' && kind !== 'answers no numbers') return bytes;
  const answer = decodeAnswer(bytes);
  if (kind === 'answers another step') {
    return encodeAnswer({ ...answer, lanes: answer.lanes.map((lane) => ({ ...lane, step: lane.step + 1 })) });
  }
  // An envelope's last number is a float16.
  const envelopes = answer.envelopes.map((envelope) => readEnvelope(envelope.bytes.with(-1, 0x7f).with(-2, 0xff)));
  return encodeAnswer({ ...answer, envelopes });
}
