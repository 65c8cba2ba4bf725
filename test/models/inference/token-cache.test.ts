import { describe, expect, it } from 'vitest';
import { TokenCache } from '../../../models/inference/token-cache.ts';

interface Entry {
  readonly bytes: number;
}

const entry = (bytes: number): Entry => ({ bytes });

describe('the cache of what is made of tokens', () => {
  it('knows an entry by all of its tokens and by whose it is', () => {
    const cache = new TokenCache<Entry>(1000);
    const known = entry(1);
    cache.set([1, 23], 'acme', known);
    expect(cache.get([1, 23], 'acme')).toBe(known);
    for (const ids of [[12, 3], [1, 24], [23, 1], [1], [1, 23, 0], [], [1, 23 + 2 ** 16]]) {
      expect(cache.get(ids, 'acme')).toBeUndefined();
    }
    for (const owner of ['globex', '', 'acme\0', 'acm']) expect(cache.get([1, 23], owner)).toBeUndefined();
  });

  it('lets go of what was used longest ago, as soon as its bytes are too many', () => {
    const cache = new TokenCache<Entry>(100);
    for (const id of [1, 2, 3]) cache.set([id], '', entry(40));
    const kept = () => [1, 2, 3, 4].filter((id) => cache.get([id], '') !== undefined);
    expect(kept()).toEqual([2, 3]);
    cache.get([2], '');
    cache.set([4], '', entry(40));
    expect(kept()).toEqual([2, 4]);
  });

  it('is as full as it may be, and counts what is set twice once', () => {
    const cache = new TokenCache<Entry>(100);
    cache.set([1], '', entry(50));
    cache.set([1], '', entry(50));
    cache.set([2], '', entry(50));
    expect([1, 2].map((id) => cache.get([id], '')?.bytes)).toEqual([50, 50]);
  });

  it('keeps the last one, however large, so that a block need not encode its context at every step', () => {
    const cache = new TokenCache<Entry>(100);
    cache.set([1], '', entry(40));
    cache.set([2], '', entry(400));
    expect([cache.get([1], ''), cache.get([2], '')?.bytes]).toEqual([undefined, 400]);
  });
});
