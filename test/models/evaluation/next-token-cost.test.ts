import { expect, it } from 'vitest';
import { cost, costsByTenths, tenths } from '../../../models/evaluation/next-token-cost.ts';

it('the costs at all tenths are those of each weight by itself', () => {
  const numbers = (seed: number) => Float32Array.from({ length: 500 }, (_, i) => 12 * Math.sin(i * i + seed));
  const [general, other] = [numbers(1), numbers(2)];
  const both = costsByTenths(general, (v) => other[v] - general[v], 7);
  const added = costsByTenths(general, (v) => other[v], 7);
  tenths.forEach((weight, i) => {
    expect(both[i]).toBeCloseTo(cost(general, 1 - weight, other, weight, 7), 5);
    expect(added[i]).toBeCloseTo(cost(general, 1, other, weight, 7), 5);
  });
});
