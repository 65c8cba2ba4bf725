import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fuzz } from './fuzz.ts';
import { makeTargets } from './targets.ts';

let made: Awaited<ReturnType<typeof makeTargets>>;
beforeAll(async () => {
  made = await makeTargets();
});
afterAll(() => made.close());

const seed = Number(process.env.PROPERTY_SEED ?? 1) || 1;

describe('what takes bytes from elsewhere', () => {
  it('reads good ones', async () => {
    for (const { name, good, take } of made.targets) {
      const taken = [];
      for (const bytes of good) taken.push(await take(Buffer.from(bytes)));
      expect({ name, some: taken.includes(true) }).toEqual({ name, some: true });
    }
  });

  it('reads or refuses damaged ones by an error of its own', { timeout: 300_000 }, async () => {
    for (const target of made.targets) {
      const { faults } = await fuzz(target, 150, seed);
      expect({ target: target.name, faults }).toEqual({ target: target.name, faults: [] });
    }
  });
});
