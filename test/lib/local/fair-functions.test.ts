import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { FairFunctions, functionsAtOnce } from '../../../lib/local/fair-functions.ts';

describe('functions of state machines on one machine', () => {
  it('wait for at most two of another tenant’s, however many there are', async () => {
    const fair = new FairFunctions();
    let ended = 0;
    let going = true;
    const noisy = fair.around(async () => {
      await setImmediate();
      ended++;
    });
    // A hundred generations at once, each with function after function; Prepare is told its tenant by the request.
    const load = Array.from({ length: 100 }, async (_, i) => {
      while (going) await noisy(i % 2 ? { run: { tenant: 'noisy' } } : { request: { tenant: 'noisy' } });
    });
    while (ended < 250) await setImmediate();
    const quiet = fair.around(async () => {});
    for (let call = 0; call < 50; call++) {
      const before = ended;
      await quiet({ run: { tenant: 'quiet' } });
      expect(ended - before).toBeLessThanOrEqual(functionsAtOnce);
    }
    going = false;
    await Promise.all(load);
  });
});
