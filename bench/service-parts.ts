import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { fleetFor } from '../lib/fleet.ts';
import { tinyFleet } from '../test/support/tiny-fleet.ts';
import type { Row } from './row.ts';
import { stream, warmService } from './service.ts';
import { median } from './timing.ts';

const requests = 100;

interface Call {
  readonly name: string;
  /** Milliseconds after the caller began. */
  readonly begun: number;
  ended: number;
}

/**
 * What lies between a caller's request and the first event of its stream: the calls that the service makes meanwhile, of
 * table, bucket, state machines and models, in the order in which they begin.
 */
export async function servicePartRows(): Promise<Row[]> {
  const tiny = await tinyFleet();
  const { url, keys, stop } = await warmService(fleetFor(tiny.fleet, {}));
  const calls = new Map<string, Call[]>();
  const first: number[] = [];
  try {
    for (let run = 0; run < requests; run++) {
      const watched = watchCalls();
      const timing = await stream(url, keys[run % keys.length]);
      watched.stop();
      if (!timing) throw new Error('a generation failed');
      first.push(timing.first);
      for (const call of watched.calls.filter(({ begun }) => begun < timing.first)) {
        calls.set(call.name, [...(calls.get(call.name) ?? []), call]);
      }
    }
  } finally {
    await stop();
    await tiny.remove();
  }
  // What most requests had.
  const parts = [...calls].filter(([, made]) => made.length > requests / 2);
  const rows = parts.map(([name, made]) => ({
    name,
    begun: median(made.map(({ begun }) => begun)),
    took: median(made.map(({ begun, ended }) => ended - begun)),
  }));
  return [
    ...rows
      .toSorted((a, b) => a.begun - b.begun)
      .flatMap(({ name, begun, took }) => [
        { name: `${name}: begins`, value: begun, unit: 'ms' },
        { name: `${name}: takes`, value: took, unit: 'ms' },
      ]),
    { name: 'first event', value: median(first), unit: 'ms' },
  ];
}

/** The calls of SDK clients from now on, each named by what it does and how often that was done before. */
function watchCalls(): { readonly calls: readonly Call[]; stop(): void } {
  const began = performance.now();
  const open = new Map<ClientRequest, Call>();
  const calls: Call[] = [];
  const counts = new Map<string, number>();
  const start = (message: unknown) => {
    const { request } = message as { request: ClientRequest };
    const target = request.getHeader('x-amz-target');
    // Without a signature it is the stand-in's own, onward to a container.
    if (request.getHeader('authorization') === undefined) return;
    // A model's endpoint, or a kind of a tenant's objects.
    const part = /\/(invocations)$|^\/[^/]+\/tenants\/[^/]+\/([^/]+)/.exec(request.path);
    const what = target === undefined ? `${request.method} ${part?.[1] ?? part?.[2]}` : String(target).split('.')[1];
    const count = (counts.get(what) ?? 0) + 1;
    counts.set(what, count);
    const call = { name: `${what} ${count}`, begun: performance.now() - began, ended: Number.NaN };
    open.set(request, call);
    calls.push(call);
  };
  const finish = (message: unknown) => {
    const call = open.get((message as { request: ClientRequest }).request);
    if (call) call.ended = performance.now() - began;
  };
  subscribe('http.client.request.start', start);
  subscribe('http.client.response.finish', finish);
  return {
    calls,
    stop() {
      unsubscribe('http.client.request.start', start);
      unsubscribe('http.client.response.finish', finish);
    },
  };
}
