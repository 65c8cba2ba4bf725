import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { close, listen } from '../../lib/local/listen.ts';

/** A way to a service that can be cut. */
export interface DroppingProxy {
  readonly url: string;
  /** The requests that came, with their headers. */
  readonly requests: readonly Pick<IncomingMessage, 'url' | 'headers'>[];
  /** Cuts the connections that are, and refuses others until `restore`. */
  cut(): void;
  restore(): void;
  stop(): Promise<void>;
}

export async function droppingProxy(target: string): Promise<DroppingProxy> {
  const requests: Pick<IncomingMessage, 'url' | 'headers'>[] = [];
  let isCut = false;
  const server = createServer((incoming, outgoing) => {
    const { url, method = 'GET', headers } = incoming;
    requests.push({ url, headers });
    if (isCut) {
      outgoing.destroy();
      return;
    }
    const asked = httpRequest(target + url, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    asked.on('error', () => outgoing.destroy());
    outgoing.on('close', () => asked.destroy());
    incoming.pipe(asked);
  });
  return {
    url: await listen(server),
    requests,
    cut() {
      isCut = true;
      server.closeAllConnections();
    },
    restore() {
      isCut = false;
    },
    stop: () => close(server),
  };
}
