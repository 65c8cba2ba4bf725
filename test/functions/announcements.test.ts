import { afterEach, describe, expect, it } from 'vitest';
import {
  Announcements,
  announceEvent,
  areAnnounced,
  keepForFollower,
  type Numbered,
  shareAnnouncements,
} from '../../functions/shared/generations/announcements.ts';

afterEach(() => shareAnnouncements(false));

const numbered = (sequence: number): Numbered => ({ sequence, event: { kind: 'end', status: 'succeeded' } });
const sequences = (news: Announcements) => news.take().map(({ sequence }) => sequence);

describe('where steps and followers share a process', () => {
  it('a follower hears what came before it from the beginning, and what comes then, in order', async () => {
    shareAnnouncements(true);
    keepForFollower('a');
    announceEvent('a', numbered(1));
    announceEvent('b', numbered(7));
    const news = new Announcements('a');
    announceEvent('a', numbered(2));
    expect(news.fromTheBeginning).toBe(true);
    expect(await news.wait(0)).toBe(true);
    expect(sequences(news)).toEqual([1, 2]);
    announceEvent('a', numbered(3));
    expect(await news.wait(0)).toBe(true);
    expect(sequences(news)).toEqual([3]);
    expect(await news.wait(1)).toBe(false);
    news.close();
  });

  it('one that comes later, or a second one, is told that it has not heard everything', () => {
    shareAnnouncements(true);
    keepForFollower('a');
    expect(new Announcements('a').fromTheBeginning).toBe(true);
    expect(new Announcements('a').fromTheBeginning).toBe(false);
    expect(new Announcements('b').fromTheBeginning).toBe(false);
  });

  it('what nobody comes for is not kept without end', () => {
    shareAnnouncements(true);
    for (let i = 0; i <= 1_000; i++) keepForFollower(`${i}`);
    expect(new Announcements('0').fromTheBeginning).toBe(false);
    for (let i = 1; i <= 1_000; i++) expect(new Announcements(`${i}`).fromTheBeginning).toBe(true);
  });
});

describe('elsewhere', () => {
  it('followers go by the clock, although their own process puts down an end now and then', async () => {
    keepForFollower('a');
    const news = new Announcements('a');
    announceEvent('a', numbered(1));
    expect([areAnnounced(), news.fromTheBeginning]).toEqual([false, false]);
    expect(await news.wait(1)).toBe(false);
  });
});
