import fc from 'fast-check';
import { expect, it } from 'vitest';
import { evenlyThinned } from '../../../models/data/evenly-thinned.ts';

async function* numbered(count: number): AsyncGenerator<string> {
  for (let i = 0; i < count; i++) yield String(i).padStart(10);
}

it('thinned documents are every document, or every 2nd, 4th .. of them, as many as fit', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 10, max: 1000 }),
      async (count, characters) => {
        const kept = (await evenlyThinned(numbered(count), characters)).map(Number);
        expect(10 * kept.length).toBeLessThanOrEqual(characters);
        const stride = kept.length > 1 ? kept[1] : count;
        if (kept.length > 1) expect(Math.log2(stride) % 1).toBe(0);
        expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => i * stride));
        expect(kept.length * stride).toBeGreaterThan(count - stride);
        if (10 * count <= characters) expect(kept).toHaveLength(count);
        else expect(kept.length).toBeGreaterThanOrEqual(Math.floor(characters / 20));
      },
    ),
  );
});
