import { tinyService } from '../support/service.ts';
import type { FuzzTarget } from './fuzz-service.ts';

/** What a process has in memory, in MiB. */
export interface Memory {
  readonly resident: number;
  /** In JavaScript's heap, once garbage was collected. */
  readonly heap: number;
  /** Of ArrayBuffers and what belongs to objects of the heap beside it. */
  readonly external: number;
}

/** What the process says to its parent, in this order: where it listens, then its memory as often as it is asked. */
export type Told = { readonly target: FuzzTarget } | { readonly memory: Memory };

const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20);

/** The service in a process of its own, so that its memory has nothing of the requests' making. */
const narrow = { requestsPerDay: 1e9, tokensPerDay: 1e12, stepsPerDay: 1e12, inFlight: 2, requestsPerSecond: 100 };
const folder = process.argv[2];
const service = await tinyService({ tiers: { large: narrow }, state: { folder }, endpointTimeoutMilliseconds: 30_000 });
const tell = (told: Told) => process.send?.(told);
process.on('message', (message) => {
  if (message === 'stop') {
    void service.stop().then(() => process.disconnect());
    return;
  }
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  tell({ memory: { resident: mebibytes(rss), heap: mebibytes(heapUsed), external: mebibytes(external) } });
});
tell({ target: { url: service.url, key: service.keys.acme } });
