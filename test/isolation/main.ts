import fc from 'fast-check';
import { acts, clientsOf } from './acts.ts';
import { judge } from './judge.ts';
import { makeWorld } from './world.ts';

/**
 * `npm run isolation -- [tries] [seed]`: random acts with a tenant's credentials, of which none may reach another's
 * data. It prints how many were refused, and how long the answers took for what is there and for what is not.
 */
const tries = Number(process.argv[2] ?? 10_000);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
process.stdout.write(`${tries} acts, seed ${seed}\n`);

const world = await makeWorld();
try {
  const clients = clientsOf(world.credentials);
  const before = await world.fingerprint();
  const refused = { present: [] as number[], absent: [] as number[] };
  let own = 0;
  let done = 0;
  await fc.assert(
    fc.asyncProperty(acts(world), async (act) => {
      const { denied, milliseconds } = await judge(act, clients);
      if (!denied) own++;
      // Of one operation, so that the times can be compared.
      else if (act.name.startsWith('GetItem')) refused[act.present ? 'present' : 'absent'].push(milliseconds);
      if (++done % 1000 === 0) process.stdout.write(`${done}\n`);
    }),
    { numRuns: tries, seed, endOnFailure: true },
  );
  if ((await world.fingerprint()) !== before) throw new Error("something that is not the actor's was changed");
  process.stdout.write(`${own} of the actor's own went through, ${done - own} were refused\n`);
  for (const [what, times] of Object.entries(refused)) {
    process.stdout.write(`a refused GetItem of what is ${what}: ${median(times).toFixed(2)} ms (${times.length})\n`);
  }
} finally {
  await world.stop();
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
