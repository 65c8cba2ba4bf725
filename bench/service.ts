import { addKey } from '../lib/administration/keys.ts';
import { addTenant } from '../lib/administration/tenants.ts';
import { DirectEngine } from '../lib/direct-engine.ts';
import { type Fleet, fleetFor, readFleet } from '../lib/fleet.ts';
import { startServiceHere } from '../lib/local/service-here.ts';
import { tinyFleet } from '../test/support/tiny-fleet.ts';
import type { Row } from './row.ts';
import { median } from './timing.ts';

const callers = [1, 8, 32, 128];
/** Each caller asks so often; the fewest for one caller, so that a median is one. */
const rounds = 2;
const fewest = 8;
const request = { prompt: 'To create a queue', tokens: 5, seed: 7, steps: 4 };

interface Timing {
  /** Milliseconds to the first event of a stream, and to its end. */
  readonly first: number;
  readonly whole: number;
}

/**
 * What callers of the API wait for, two tenants' together, against the plain loop alone: a block of few steps, so that
 * what is beside the models shows.
 *
 * @param models a fleet's folder; tiny models when absent
 */
export async function serviceRows(models?: string): Promise<Row[]> {
  if (models !== undefined) return measure(fleetFor(await readFleet(models), {}), 'shipped');
  const tiny = await tinyFleet();
  try {
    return await measure(fleetFor(tiny.fleet, {}), 'tiny');
  } finally {
    await tiny.remove();
  }
}

async function measure(fleet: Fleet, name: string): Promise<Row[]> {
  const engine = await DirectEngine.start(fleet);
  const direct: number[] = [];
  for (let run = 0; run <= fewest; run++) {
    const started = performance.now();
    await engine.generate(request);
    if (run > 0) direct.push(performance.now() - started);
  }
  await engine.stop();
  const alone = median(direct);
  const rows: Row[] = [{ name: `${name} models, the plain loop alone`, value: alone, unit: 'ms' }];
  const { administration, url, stop } = await startServiceHere(fleet, { state: 'ephemeral' });
  try {
    const keys: string[] = [];
    for (const tenant of ['one', 'two']) {
      await addTenant(administration, tenant, 'large');
      keys.push((await addKey(administration, tenant)).key);
    }
    await stream(url, keys[0]);
    for (const count of callers) rows.push(...(await rowsOf(url, keys, count, alone)));
  } finally {
    await stop();
  }
  return rows;
}

async function rowsOf(url: string, keys: readonly string[], count: number, alone: number): Promise<Row[]> {
  const timings: Timing[] = [];
  let failed = 0;
  const started = performance.now();
  const each = Math.max(rounds, fewest / count);
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
  const row = (what: string, value: number): Row => ({ name: `${count} callers, ${what}`, value, unit: 'ms' });
  return [
    { name: `${count} callers, answers`, value: timings.length / seconds, unit: '1/s' },
    { name: `${count} callers, failed`, value: failed, unit: '' },
    row('first event, median', at('first', 0.5)),
    row('first event, p99', at('first', 0.99)),
    { ...row('end, median', at('whole', 0.5)), baseline: 'the plain loop', ratio: at('whole', 0.5) / alone },
    row('end, p99', at('whole', 0.99)),
  ];
}

/** @returns undefined where the generation failed */
async function stream(url: string, key: string): Promise<Timing | undefined> {
  const started = performance.now();
  const { prompt, tokens, seed, steps } = request;
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
