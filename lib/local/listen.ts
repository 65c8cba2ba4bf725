import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Starts a server on loopback, on a free port, and gives its URL. It keeps a connection for as long as its client does. */
export async function listen(server: Server): Promise<string> {
  // Closed after Node's five idle seconds, a connection may end just as its client sends the next request on it.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
