/** What can be said of texts without reading them; words are runs of letters, digits and apostrophes, in lower case. */
export interface TextMetrics {
  /** Unique n-grams over one prompt's samples per word, n = 1, 2, 3, the mean over prompts. */
  readonly distinct: readonly [number, number, number];
  /** Share of samples that end in a phrase of at least two words said three times or more. */
  readonly repetition: number;
  /** Minus the slope of log frequency over log rank, of all samples' words. */
  readonly zipf: number;
  /** Mean BLEU-4 of each sample against all others; NaN of a single one. */
  readonly selfBleu: number;
  /** Share of words that are terms of the domain; absent without one. */
  readonly domainTerms?: number;
  /** Mean words a sample. */
  readonly words: number;
}

/** @param samples the texts of each prompt */
export function textMetrics(samples: readonly (readonly string[])[], domain?: ReadonlySet<string>): TextMetrics {
  const byPrompt = samples.map((texts) => texts.map(wordsOf));
  const all = byPrompt.flat();
  const words = all.flat();
  return {
    distinct: [1, 2, 3].map((n) => mean(byPrompt.map((texts) => distinct(texts, n)))) as [number, number, number],
    repetition: mean(all.map((text) => (endsInRepetition(text) ? 1 : 0))),
    zipf: zipfCoefficient(words),
    selfBleu: selfBleu(all),
    ...(domain ? { domainTerms: words.filter((word) => domain.has(word)).length / words.length } : {}),
    words: words.length / all.length,
  };
}

export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+(?:'[\p{L}]+)*/gu) ?? [];
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function ngrams(words: readonly string[], n: number): string[] {
  return Array.from({ length: Math.max(0, words.length - n + 1) }, (_, i) => words.slice(i, i + n).join(' '));
}

function distinct(texts: readonly (readonly string[])[], n: number): number {
  const words = texts.reduce((sum, text) => sum + text.length, 0);
  return words === 0 ? 0 : new Set(texts.flatMap((text) => ngrams(text, n))).size / words;
}

const longestPhrase = 20;

function endsInRepetition(words: readonly string[]): boolean {
  for (let length = 2; length <= longestPhrase && 3 * length <= words.length; length++) {
    const phrase = (back: number) => words.slice(words.length - back * length, words.length - (back - 1) * length);
    const last = phrase(1).join(' ');
    if (phrase(2).join(' ') === last && phrase(3).join(' ') === last) return true;
  }
  return false;
}

function counts(items: readonly string[]): Map<string, number> {
  const result = new Map<string, number>();
  for (const item of items) result.set(item, (result.get(item) ?? 0) + 1);
  return result;
}

function zipfCoefficient(words: readonly string[]): number {
  const frequencies = [...counts(words).values()].sort((a, b) => b - a);
  const points = frequencies.map((frequency, i) => [Math.log(i + 1), Math.log(frequency)] as const);
  const [x, y] = [mean(points.map(([rank]) => rank)), mean(points.map(([, frequency]) => frequency))];
  const covariance = mean(points.map(([rank, frequency]) => (rank - x) * (frequency - y)));
  return -covariance / mean(points.map(([rank]) => (rank - x) ** 2));
}

function selfBleu(texts: readonly (readonly string[])[]): number {
  const grams = texts.map((text) => [1, 2, 3, 4].map((n) => counts(ngrams(text, n))));
  return mean(
    texts.map((text, i) =>
      bleu(
        text.length,
        grams[i],
        grams.filter((_, j) => j !== i),
        texts.filter((_, j) => j !== i).map(({ length }) => length),
      ),
    ),
  );
}

/** BLEU-4 (Papineni et al., 2002) of a text against references; an n-gram order without a match counts half a match. */
function bleu(
  length: number,
  grams: readonly Map<string, number>[],
  references: readonly (readonly Map<string, number>[])[],
  lengths: readonly number[],
): number {
  if (references.length === 0) return Number.NaN;
  if (length === 0) return 0;
  let sum = 0;
  grams.forEach((own, order) => {
    let [matched, total] = [0, 0];
    for (const [gram, count] of own) {
      const most = references.reduce((a, reference) => Math.max(a, reference[order].get(gram) ?? 0), 0);
      matched += Math.min(count, most);
      total += count;
    }
    sum += Math.log((matched || 0.5) / Math.max(total, 1));
  });
  const closest = lengths.reduce((a, b) => (Math.abs(b - length) < Math.abs(a - length) ? b : a));
  const brevity = length >= closest ? 0 : 1 - closest / length;
  return Math.exp(brevity + sum / grams.length);
}

/**
 * The words that a domain's text uses at least five times, and at least four times as often, by share of all words, as
 * a general text does.
 */
export function domainTerms(domain: readonly string[], general: readonly string[]): Set<string> {
  const [own, others] = [counts(domain), counts(general)];
  const share = (count: number, total: number) => (count + 0.5) / (total + 1);
  return new Set(
    [...own]
      .filter(([word, count]) => count >= 5 && !/^\d+$/.test(word) && word.length > 1)
      .filter(
        ([word, count]) => share(count, domain.length) >= 4 * share(others.get(word) ?? 0, Math.max(1, general.length)),
      )
      .map(([word]) => word),
  );
}
