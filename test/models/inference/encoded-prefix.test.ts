import { describe, expect, it } from 'vitest';
import { grown } from '../../../models/inference/encoded-prefix.ts';

describe('a prefix that grows', () => {
  const heads = { groups: 2, headWidth: 2 };
  /** keys [groups, head width, length], values [groups, length, head width]; each number says where it stands. */
  const layer = (from: number, length: number) => {
    const at = (group: number, width: number, i: number) => 100 * group + 10 * width + from + i;
    const range = (count: number) => Array.from({ length: count }, (_, i) => i);
    const [groups, widths, places] = [range(2), range(2), range(length)];
    return {
      keys: Float32Array.from(groups.flatMap((g) => widths.flatMap((w) => places.map((i) => at(g, w, i))))),
      values: Float32Array.from(groups.flatMap((g) => places.flatMap((i) => widths.map((w) => at(g, w, i))))),
    };
  };

  it('is what encoding all of it at once would be', () => {
    const first = grown(undefined, [layer(0, 3), layer(0, 3)], 3, heads);
    const whole = grown(first, [layer(3, 2), layer(3, 2)], 2, heads);
    expect(whole).toEqual({ length: 5, layers: [layer(0, 5), layer(0, 5)], bytes: 2 * 2 * 4 * 2 * 2 * 5 });
  });
});
