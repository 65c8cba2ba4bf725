import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Turns } from '../../../models/inference/turns.ts';

describe('turns', () => {
  it('are taken one after the other, in order, though one fails', async () => {
    const turns = new Turns();
    let [running, most] = [0, 0];
    const order: number[] = [];
    const all = Array.from({ length: 20 }, (_, index) =>
      turns.take(async () => {
        most = Math.max(most, ++running);
        await setImmediate();
        running--;
        order.push(index);
        if (index === 3) throw new Error('four');
        return index;
      }),
    );
    const results = await Promise.allSettled(all);
    expect(most).toBe(1);
    expect(order).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect(results.map(({ status }) => status === 'rejected')).toEqual(order.map((index) => index === 3));
    await turns.done();
  });

  it('are taken a few at a time where a few may', async () => {
    const turns = new Turns(3);
    let [running, most] = [0, 0];
    const work = async () => {
      most = Math.max(most, ++running);
      await setImmediate();
      running--;
    };
    await Promise.all(Array.from({ length: 20 }, (_, i) => turns.take(work, String(i % 2))));
    expect([most, running]).toEqual([3, 0]);
  });

  it('cost a quiet tenant at most one step of a noisy one for each of its own', async () => {
    const turns = new Turns();
    let noisySteps = 0;
    let noisyStopped = false;
    // A hundred requests at once, each asking for step after step.
    const noisy = Array.from({ length: 100 }, async () => {
      while (!noisyStopped) {
        await turns.take(async () => {
          noisySteps++;
          await setImmediate();
        }, 'noisy');
      }
    });
    while (noisySteps < 250) await setImmediate();
    const blocks = 2;
    const stepsOfBlock = 30;
    const before = noisySteps;
    for (let step = 0; step < blocks * stepsOfBlock; step++) {
      const started = noisySteps;
      await turns.take(() => setImmediate(), 'quiet');
      expect(noisySteps - started).toBeLessThanOrEqual(1);
    }
    // All in all no more than as many steps again: two blocks' worth of waiting.
    expect(noisySteps - before).toBeLessThanOrEqual(blocks * stepsOfBlock);
    noisyStopped = true;
    await Promise.all(noisy);
    await turns.done();
  });

  it('come round to everybody who waits before they come to anybody twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(4), { minLength: 1, maxLength: 40 }), async (owners) => {
        const turns = new Turns();
        const served: number[] = [];
        const gate = Promise.withResolvers<void>();
        const first = turns.take(() => gate.promise, 'first');
        const all = owners.map((owner) => turns.take(async () => void served.push(owner), String(owner)));
        gate.resolve();
        await Promise.all([first, ...all]);
        const counts = new Map<number, number>();
        for (const [place, owner] of served.entries()) {
          const own = (counts.get(owner) ?? 0) + 1;
          counts.set(owner, own);
          for (const other of new Set(served.slice(place))) {
            expect(counts.get(other) ?? 0).toBeGreaterThanOrEqual(own - 1);
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});
