import { createHash } from 'node:crypto';
import type { Serving, Share } from '../../contracts/registered-model.ts';

export const nothingServed: Serving = { shares: [], before: [], changedAt: new Date(0).toISOString() };

/**
 * Gives a version a share; the others divide the rest as they did before.
 *
 * @param share from 0 to 1
 * @throws RangeError when nothing would be left to serve the rest
 */
export function promoted({ shares }: Serving, one: Omit<Share, 'share'>, share: number, now: Date): Serving {
  const others = shares.filter(({ id }) => id !== one.id);
  const sum = others.reduce((total, other) => total + other.share, 0);
  if (share < 1 && sum === 0) throw new RangeError(`no other version would serve the remaining ${1 - share}`);
  const rest = others.map((other) => ({ ...other, share: (other.share / (sum || 1)) * (1 - share) }));
  const next = [...rest, { ...one, share }].filter((each) => each.share > 0);
  return { shares: next, before: shares, changedAt: now.toISOString() };
}

/** What was served before the last change. @throws RangeError when that was nothing */
export function rolledBack({ shares, before }: Serving, now: Date): Serving {
  if (before.length === 0) throw new RangeError('nothing was served before');
  return { shares: before, before: shares, changedAt: now.toISOString() };
}

/** The one of some versions, whose shares add up to 1, that serves a generation: always the same, and over many by their shares. */
export function versionFor<Version extends Pick<Share, 'share'>>(
  { shares }: { readonly shares: readonly Version[] },
  generation: string,
): Version | undefined {
  const point = createHash('sha256').update(generation).digest().readUInt32BE() / 2 ** 32;
  let end = 0;
  for (const share of shares) {
    end += share.share;
    if (point < end) return share;
  }
  return shares.at(-1);
}
