import type { JudgedText, Ratio } from './judged-text.ts';
import { formatEstimate } from './statistics.ts';
import { table } from './table.ts';

/** In Markdown; the first is the mark that known trigrams are set against. */
export function judgedTable(results: readonly JudgedText[]): string {
  const ratio = ({ value, interval: [low, high] }: Ratio, digits: number) =>
    `${value.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
  return table(
    [
      ...['', 'samples', 'words', 'nats a character', 'unigram entropy', 'real text at it', 'above it'],
      ...['distinct-2', 'known trigrams', 'of real', 'longest copy', 'most'],
    ],
    results.map((result) => {
      const { realAtThisEntropy: mark, natsPerCharacter: nats } = result;
      return [
        ...[result.name, String(result.samples), result.words.toFixed(1), ratio(nats, 3)],
        formatEstimate(result.unigramEntropy),
        ...(mark === null ? ['-', '-'] : [mark.toFixed(3), `${(100 * (nats.value / mark - 1)).toFixed(0)} %`]),
        ...[formatEstimate(result.distinct2), ratio(result.knownTrigrams, 3)],
        `${(100 * (result.knownTrigrams.value / results[0].knownTrigrams.value)).toFixed(0)} %`,
        ratio(result.longestCopy, 1),
        String(result.longestCopy.most),
      ];
    }),
  );
}
