import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpointAt, endpointName, validateRouting } from '../../../models/ssd2/routing.ts';

const table = [
  { from: 0.8, to: 1, endpoint: { endpoint: 'early' } },
  { from: 0, to: 0.4, endpoint: { endpoint: 'late' } },
  { from: 0.4, to: 0.8, endpoint: { endpoint: 'middle' } },
];

describe('a routing table', () => {
  it('sends each timestep to the one range that holds it, upper ends included', () => {
    expect([1, 0.81, 0.8, 0.41, 0.4, 0.01].map((t) => endpointName(endpointAt(table, t)))).toEqual([
      ...['early', 'early', 'middle', 'middle', 'late', 'late'],
    ]);
  });

  it('has exactly one endpoint for every t, however it is cut', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 99 })), fc.integer({ min: 1, max: 1000 }), (cuts, t) => {
        const ends = [0, ...cuts.sort((a, b) => a - b), 100].map((cut) => cut / 100);
        const routes = ends.slice(1).map((to, i) => ({ from: ends[i], to, endpoint: { endpoint: `e${i}` } }));
        validateRouting(routes);
        expect(routes.filter(({ from, to }) => t / 1000 > from && t / 1000 <= to)).toHaveLength(1);
      }),
    );
  });

  it.each([
    [
      'a gap',
      [
        { from: 0, to: 0.5, endpoint: { endpoint: 'a' } },
        { from: 0.6, to: 1, endpoint: { endpoint: 'b' } },
      ],
    ],
    [
      'an overlap',
      [
        { from: 0, to: 0.5, endpoint: { endpoint: 'a' } },
        { from: 0.4, to: 1, endpoint: { endpoint: 'b' } },
      ],
    ],
    ['an open end', [{ from: 0, to: 0.5, endpoint: { endpoint: 'a' } }]],
    ['no start', [{ from: 0.1, to: 1, endpoint: { endpoint: 'a' } }]],
    ['nothing', []],
  ])('with %s is refused', (_, routes) => {
    expect(() => validateRouting(routes)).toThrow('exactly once');
  });
});
