import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acts, type Clients, clientsOf } from './acts.ts';
import { judge } from './judge.ts';
import { makeWorld, type World } from './world.ts';

/** `npm run isolation` tries 10,000. */
const tries = 400;

let world: World;
let clients: Clients;
beforeAll(async () => {
  world = await makeWorld();
  clients = clientsOf(world.credentials);
});
afterAll(() => world.stop());

describe("with a tenant's credentials", () => {
  it('its own data can be reached, and no other can be read, listed, changed or told to be there', async () => {
    const before = await world.fingerprint();
    let [own, denied] = [0, 0];
    await fc.assert(
      fc.asyncProperty(acts(world), async (act) => {
        const outcome = await judge(act, clients);
        if (outcome.denied) denied++;
        else own++;
      }),
      { numRuns: tries },
    );
    expect(await world.fingerprint()).toBe(before);
    // Neither kind was so rare that nothing was tried.
    expect(Math.min(own, denied)).toBeGreaterThan(tries / 20);
  });
});
