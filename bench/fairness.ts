import { setTimeout as sleep } from 'node:timers/promises';
import { addKey } from '../functions/shared/keys/key-store.ts';
import { addTenant } from '../lib/administration/tenants.ts';
import { fleetFor, readFleet } from '../lib/fleet.ts';
import { startServiceHere } from '../lib/local/service-here.ts';
import type { Row } from './row.ts';
import { median } from './timing.ts';

let asked = 0;
/** A text of one block, so that the time it takes is a block's. */
const nextRequest = () => ({
  ...{ model: 'core', max_tokens: 25, seed: 7, slingshot: { steps: 12 } },
  // Never the same twice: models keep what they computed of a prompt.
  prompt: `To transfer call ${++asked},`,
});
const runs = 9;
const atOnce = 100;

/** What a hundred requests at once of one tenant cost another, in blocks of waiting. */
export async function fairnessRows(): Promise<Row[]> {
  const { administration, url, stop } = await startServiceHere(fleetFor(await readFleet(), {}), { state: 'ephemeral' });
  const keyOf = async (tenant: string) => {
    await addTenant(administration, tenant, 'standard');
    return (await addKey(administration, tenant)).key;
  };
  const ask = (key: string) =>
    fetch(`${url}/v1/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(nextRequest()),
    });
  const timed = async (key: string) => {
    const started = performance.now();
    const response = await ask(key);
    if (!response.ok) throw new Error(`the quiet tenant was answered ${response.status}: ${await response.text()}`);
    await response.text();
    return performance.now() - started;
  };
  try {
    const [quiet, noisy] = [await keyOf('quiet'), await keyOf('noisy')];
    await timed(quiet);
    const alone: number[] = [];
    for (let run = 0; run < runs; run++) alone.push(await timed(quiet));
    let going = true;
    let [answered, refused] = [0, 0];
    const load = Array.from({ length: atOnce }, async () => {
      while (going) {
        const response = await ask(noisy);
        await response.text();
        if (response.ok) answered++;
        else refused++;
        if (response.status === 429) await sleep(1000 * Number(response.headers.get('retry-after')));
      }
    });
    await sleep(median(alone));
    const beside: number[] = [];
    for (let run = 0; run < runs; run++) beside.push(await timed(quiet));
    going = false;
    await Promise.all(load);
    const block = median(alone);
    return [
      { name: 'a block of a quiet tenant, alone', value: block, unit: 'ms' },
      { name: `beside ${atOnce} requests at once of another`, value: median(beside), unit: 'ms' },
      {
        name: 'so waiting',
        value: (median(beside) - block) / block,
        unit: 'blocks',
        baseline: 'the aim',
        ratio: (median(beside) - block) / block / 2,
      },
      { name: 'of the other, answered meanwhile', value: answered, unit: '' },
      { name: 'and refused, to come later', value: refused, unit: '' },
    ];
  } finally {
    await stop();
  }
}
