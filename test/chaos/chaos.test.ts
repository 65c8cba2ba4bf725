import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChaosResult, runChaos } from './run.ts';
import { endpointFaults, functionFaults, processFaults, secret, storeFaults } from './schedule.ts';

let result: ChaosResult;
let temporary: string;
const before = process.env.TMPDIR;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'slingshot-chaos-'));
  process.env.TMPDIR = temporary;
  result = await runChaos(120, 1, 12);
}, 600_000);
afterAll(async () => {
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  await rm(temporary, { recursive: true });
});

describe('120 runs of two tenants at once, under random faults', () => {
  it('end each in the text that it has without faults, or in an error with a name', () => {
    const wrong = result.outcomes.filter(({ verdict }) => verdict !== 'text' && verdict !== 'named error');
    expect(wrong).toEqual([]);
    expect(result.outcomes).toHaveLength(120);
  });

  it('meet every kind of fault', () => {
    const struck = new Set(
      result.outcomes.flatMap(({ faults }) => faults.map(({ place, kind }) => `${place} ${kind}`)),
    );
    const kinds = { endpoint: endpointFaults, function: functionFaults, store: storeFaults, process: processFaults };
    const all = Object.entries(kinds).flatMap(([place, names]) => names.map((kind) => `${place} ${kind}`));
    expect(all.filter((kind) => !struck.has(kind))).toEqual([]);
  });

  // A fault of the bucket strikes whoever calls it next, and on a busy machine an endpoint may be late by itself.
  const byOthers = /^(StoreUnavailable|EndpointTimeout):/;

  it('end in the text, whatever struck them, while the processes of the models run', () => {
    const { outcomes } = result;
    const wrong = outcomes.filter(
      ({ verdict, outage, detail }) => verdict !== 'text' && !outage && !byOthers.test(detail),
    );
    // A run meets three faults at most, and a call is made four times.
    expect(wrong).toEqual([]);
    const others = outcomes.filter(({ outage, detail }) => !outage && byOthers.test(detail));
    expect(others.length).toBeLessThan(outcomes.length / 10);
    expect(outcomes.filter(({ outage, faults }) => !outage && faults.length > 0).length).toBeGreaterThan(0);
  });

  it("never reach another tenant's model, and put no private context into a state or an error", () => {
    expect(result.strays).toEqual([]);
    expect(result.leaks).toEqual([]);
    expect(result.outcomes.map(({ detail }) => detail).join()).not.toContain(secret);
  });

  it('leave no function running, no process and no folder', async () => {
    expect(result.leftRunning).toBe(0);
    expect(await readdir(temporary)).toEqual([]);
    if (process.platform === 'linux') {
      expect(readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim()).toBe('');
    }
  });
});
