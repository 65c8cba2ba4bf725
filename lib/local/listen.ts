import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Nothing outside this machine reaches it. */
export const loopback = '127.0.0.1';

export interface Address {
  /** Loopback unless another is named. */
  readonly host?: string;
  /** A free one by default. */
  readonly port?: number;
}

/** Starts a server and gives its URL. It keeps a connection for as long as its client does. */
export async function listen(server: Server, { host = loopback, port = 0 }: Address = {}): Promise<string> {
  // Closed after Node's five idle seconds, a connection may end just as its client sends the next request on it.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const name = host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${(server.address() as AddressInfo).port}`;
}

export async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
