import { addKey } from '../functions/shared/keys/key-store.ts';
import { addTenant } from '../lib/administration/tenants.ts';
import { DirectEngine } from '../lib/direct-engine.ts';
import { type Fleet, fleetFor, readFleet } from '../lib/fleet.ts';
import { startServiceHere } from '../lib/local/service-here.ts';
import { tinyFleet } from '../test/support/tiny-fleet.ts';
import type { Row } from './row.ts';
import { median } from './timing.ts';

const callers = [1, 8, 32, 128];
let asked = 0;
/** Never the same twice: models keep what they computed of a prompt. */
const nextRequest = () => ({ prompt: `To create queue ${++asked}`, tokens: 5, seed: 7, steps: 4 });

interface Timing {
  /** Milliseconds to the first event of a stream, and to its end. */
  readonly first: number;
  readonly whole: number;
}

/** How often each of several callers asks, and how often one alone does, so that a median is one. */
interface Count {
  readonly each: number;
  readonly alone: number;
}

/**
 * What callers of the API wait for, two tenants' together, against the plain loop alone: a block of few steps, so that
 * what is beside the models shows.
 */
export async function tinyServiceRows(): Promise<Row[]> {
  const tiny = await tinyFleet();
  try {
    return await measure(fleetFor(tiny.fleet, {}), 'tiny models', { each: 2, alone: 100 });
  } finally {
    await tiny.remove();
  }
}

/** The same with the shipped models, or those of a folder. */
export async function serviceRows(models?: string): Promise<Row[]> {
  return measure(fleetFor(await readFleet(models), {}), 'shipped models', { each: 1, alone: 20 });
}

async function measure(fleet: Fleet, name: string, count: Count): Promise<Row[]> {
  let firstStep = Number.NaN;
  const onStep = () => {
    if (Number.isNaN(firstStep)) firstStep = performance.now();
  };
  const engine = await DirectEngine.start(fleet, { onStep });
  const direct: Timing[] = [];
  for (let run = 0; run <= count.alone; run++) {
    firstStep = Number.NaN;
    const started = performance.now();
    await engine.generate(nextRequest());
    if (run > 0) direct.push({ first: firstStep - started, whole: performance.now() - started });
  }
  await engine.stop();
  const alone = {
    first: median(direct.map(({ first }) => first)),
    whole: median(direct.map(({ whole }) => whole)),
  };
  const rows: Row[] = [
    { name: `${name}, the plain loop: first step`, value: alone.first, unit: 'ms' },
    { name: `${name}, the plain loop: end`, value: alone.whole, unit: 'ms' },
  ];
  const { url, keys, stop } = await warmService(fleet);
  try {
    for (const at of callers)
      rows.push(...(await rowsOf(url, keys, { at, each: at === 1 ? count.alone : count.each, alone })));
  } finally {
    await stop();
  }
  return rows;
}

/** The service with keys of two tenants: compiled, and with its connections, as after the first requests. */
export async function warmService(fleet: Fleet) {
  const { administration, url, stop } = await startServiceHere(fleet, { state: 'ephemeral' });
  const keys: string[] = [];
  for (const tenant of ['one', 'two']) {
    await addTenant(administration, tenant, 'large');
    keys.push((await addKey(administration, tenant)).key);
  }
  for (let run = 0; run < 10; run++) await stream(url, keys[run % keys.length]);
  return { url, keys, stop };
}

interface Load {
  /** Callers at the same time. */
  readonly at: number;
  readonly each: number;
  readonly alone: Timing;
}

async function rowsOf(url: string, keys: readonly string[], { at: count, each, alone }: Load): Promise<Row[]> {
  const timings: Timing[] = [];
  let failed = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: count }, async (_, caller) => {
      for (let round = 0; round < each; round++) {
        const timing = await stream(url, keys[caller % keys.length]);
        if (timing) timings.push(timing);
        else failed++;
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const at = (part: keyof Timing, share: number) => {
    const sorted = timings.map((timing) => timing[part]).toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  };
  const who = count === 1 ? '1 caller' : `${count} callers`;
  const row = (what: string, value: number): Row => ({ name: `${who}, ${what}`, value, unit: 'ms' });
  return [
    { name: `${who}, answers`, value: timings.length / seconds, unit: '1/s' },
    { name: `${who}, failed`, value: failed, unit: '' },
    row('first event, median', at('first', 0.5)),
    ...(count === 1 ? [row('so the API adds to the first', at('first', 0.5) - alone.first)] : []),
    row('first event, p99', at('first', 0.99)),
    { ...row('end, median', at('whole', 0.5)), baseline: 'the plain loop', ratio: at('whole', 0.5) / alone.whole },
    row('end, p99', at('whole', 0.99)),
  ];
}

/** A generation's stream, with its drafts. @returns undefined where it failed */
export async function stream(url: string, key: string): Promise<Timing | undefined> {
  const started = performance.now();
  const { prompt, tokens, seed, steps } = nextRequest();
  const body = { model: 'core', prompt, max_tokens: tokens, seed, slingshot: { steps }, stream: true, diffusing: true };
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`answered ${response.status}: ${await response.text()}`);
  let first = Number.NaN;
  let text = '';
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString();
    if (Number.isNaN(first) && text.includes('data: ')) first = performance.now() - started;
  }
  if (!text.endsWith('data: [DONE]\n\n')) return undefined;
  return { first, whole: performance.now() - started };
}
