import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { short } from '../support/service.ts';
import { answerOf, apiActs } from './api-acts.ts';
import { type ApiWorld, makeApiWorld } from './api-world.ts';
import { secret } from './world.ts';

/** `npm run isolation` tries more. */
const tries = 120;

let world: ApiWorld;
beforeAll(async () => {
  world = await makeApiWorld();
});
afterAll(() => world.stop());

describe("with a tenant's key", () => {
  it("another tenant's things are answered for as those that never were, and stay as they are", async () => {
    const before = await world.fingerprint();
    expect(before).toContain(world.foreign.context);
    await fc.assert(
      fc.asyncProperty(apiActs(world), async ({ name, foreign, absent, ask }) => {
        const answers = [];
        for (const id of [foreign, absent]) {
          const { path, ...options } = ask(id);
          const response = await world.service.call(path, options);
          expect(response.status, name).toBeGreaterThanOrEqual(400);
          answers.push(await answerOf(response, id));
        }
        expect(answers[0], name).toBe(answers[1]);
      }),
      { numRuns: tries },
    );
    expect(await world.fingerprint()).toBe(before);
  });

  it('lists show what is its own', async () => {
    const { service, own, foreign } = world;
    for (const path of ['/v1/contexts', '/v1/usage', '/v1/models']) {
      const text = await (await service.call(path)).text();
      for (const word of [foreign.context, foreign.generation, 'victim', secret])
        expect(text, path).not.toContain(word);
    }
    expect(await (await service.call('/v1/contexts')).text()).toContain(own.context);
  });

  it("an idempotency key of another's begins a generation of one's own", async () => {
    const { service, own, foreign } = world;
    const headers = { prefer: 'wait=30', 'idempotency-key': foreign.idempotencyKey };
    const body = { ...short, prompt: 'A own' };
    const answer = (await (await service.call('/v1/generations', { headers, body })).json()) as { id: string };
    expect(answer.id).toBe(own.generation);
  });
});
