import { describe, expect, it } from 'vitest';
import { type EncodedPrefix, grown, PrefixCache } from '../../../models/inference/prefix-cache.ts';

const entry = (bytes: number): EncodedPrefix => ({ length: 1, layers: [], bytes });

describe('the cache of prefixes', () => {
  it('knows a prefix by all of its tokens and by whose it is', () => {
    const cache = new PrefixCache(1000);
    const known = entry(1);
    cache.set([1, 23], 'acme', known);
    expect(cache.get([1, 23], 'acme')).toBe(known);
    for (const ids of [[12, 3], [1, 24], [23, 1], [1], [1, 23, 0], [], [1, 23 + 2 ** 16]]) {
      expect(cache.get(ids, 'acme')).toBeUndefined();
    }
    for (const salt of ['globex', '', 'acme\0', 'acm']) expect(cache.get([1, 23], salt)).toBeUndefined();
  });

  it('lets go of what was used longest ago, as soon as its bytes are too many', () => {
    const cache = new PrefixCache(100);
    for (const id of [1, 2, 3]) cache.set([id], '', entry(40));
    const kept = () => [1, 2, 3, 4].filter((id) => cache.get([id], '') !== undefined);
    expect(kept()).toEqual([2, 3]);
    cache.get([2], '');
    cache.set([4], '', entry(40));
    expect(kept()).toEqual([2, 4]);
  });

  it('is as full as it may be, and counts what is set twice once', () => {
    const cache = new PrefixCache(100);
    cache.set([1], '', entry(50));
    cache.set([1], '', entry(50));
    cache.set([2], '', entry(50));
    expect([1, 2].map((id) => cache.get([id], '')?.bytes)).toEqual([50, 50]);
  });

  it('keeps the last one, however large, so that a block need not encode its context at every step', () => {
    const cache = new PrefixCache(100);
    cache.set([1], '', entry(40));
    cache.set([2], '', entry(400));
    expect([cache.get([1], ''), cache.get([2], '')?.bytes]).toEqual([undefined, 400]);
  });
});

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
