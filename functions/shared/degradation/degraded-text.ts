import type { Decoding } from '../../../models/ssd2/decoding.ts';
import type { Degraded, DegradedText } from '../../contracts/generation.ts';

/** With how many of the texts' tokens were made without the members that were lost. */
export function degradedText(
  degraded: Degraded,
  lanes: readonly { readonly tokens: number }[],
  { block }: Pick<Decoding, 'block'>,
): DegradedText {
  const tokens = lanes.map((lane) => Math.max(0, lane.tokens - degraded.block * block));
  return { ...degraded, tokens: tokens.reduce((sum, own) => sum + own, 0) };
}
