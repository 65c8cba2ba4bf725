import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Serving } from '../../functions/contracts/registered-model.ts';
import { withCoreFor } from '../../functions/shared/models/registered.ts';
import { nothingServed, promoted, rolledBack, versionFor } from '../../functions/shared/models/shares.ts';

const now = new Date('2026-11-26T12:00:00Z');
const endpoint = { endpoint: 'tenants0' };
const serve = (serving: Serving, id: string, share: number) => promoted(serving, { id, endpoint }, share, now);
const sharesOf = ({ shares }: Serving) => Object.fromEntries(shares.map(({ id, share }) => [id, share]));

describe('shares of versions', () => {
  it('add up to 1, whatever is promoted', () => {
    const step = fc.record({ id: fc.constantFrom('a', 'b', 'c'), share: fc.double({ min: 0, max: 1, noNaN: true }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        let serving = serve(nothingServed, 'a', 1);
        for (const { id, share } of steps) {
          try {
            serving = serve(serving, id, share);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
          }
        }
        const sum = serving.shares.reduce((total, { share }) => total + share, 0);
        expect(sum).toBeCloseTo(1, 9);
        for (const { share } of serving.shares) expect(share).toBeGreaterThan(0);
      }),
    );
  });

  it('leave the others in proportion', () => {
    const two = serve(serve(nothingServed, 'a', 1), 'b', 0.25);
    expect(sharesOf(two)).toEqual({ a: 0.75, b: 0.25 });
    expect(sharesOf(serve(two, 'c', 0.2))).toEqual({ a: expect.closeTo(0.6), b: expect.closeTo(0.2), c: 0.2 });
    expect(sharesOf(rolledBack(serve(two, 'c', 1), now))).toEqual(sharesOf(two));
    expect(() => serve(serve(nothingServed, 'a', 1), 'a', 0.5)).toThrow('no other version');
    expect(() => rolledBack(nothingServed, now)).toThrow('nothing was served before');
  });

  it('send each generation to one version, and of many as many as the share says', () => {
    const serving = serve(serve(nothingServed, 'a', 1), 'b', 0.25);
    const chosen = Array.from({ length: 4000 }, (_, i) => versionFor(serving, `gen_${i}`)?.id);
    expect(chosen).toEqual(Array.from({ length: 4000 }, (_, i) => versionFor(serving, `gen_${i}`)?.id));
    // Four standard deviations of a count of 4,000 draws at 0.25: 110.
    expect(Math.abs(chosen.filter((id) => id === 'b').length - 1000)).toBeLessThan(110);
    expect(versionFor(nothingServed, 'gen_1')).toBeUndefined();
  });
});

describe('shares of cores', () => {
  const route = (endpoint: string) => ({
    routes: [{ from: 0, to: 1, endpoint: { endpoint } }],
    template: 'plain' as const,
  });
  const cores = { core: route('old'), next: route('new') };
  const servedBy = (shares: Record<string, number> | undefined, generation: string) => {
    const { core } = withCoreFor({ cores, tenants: {}, ...(shares ? { shares } : {}) }, generation).cores;
    return core.routes[0].endpoint.endpoint;
  };
  const generations = Array.from({ length: 4000 }, (_, i) => `generation-${i}`);

  it('serve as many of the generations, and each generation always by the same core', () => {
    const served = generations.map((generation) => servedBy({ next: 0.1 }, generation));
    // Five standard deviations of 4,000 draws are 2.4 %.
    expect(Math.abs(served.filter((core) => core === 'new').length / 4000 - 0.1)).toBeLessThan(0.024);
    expect(generations.map((generation) => servedBy({ next: 0.1 }, generation))).toEqual(served);
  });

  it('leave all to core where there are none, and none where another has all', () => {
    for (const generation of generations.slice(0, 50)) {
      expect([servedBy(undefined, generation), servedBy({ next: 0 }, generation)]).toEqual(['old', 'old']);
      expect(servedBy({ next: 1 }, generation)).toBe('new');
    }
  });
});
