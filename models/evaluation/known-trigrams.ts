import { wordsOf } from './text-metrics.ts';

/** Which of some texts' word trigrams occur in what is read; only the texts' own are kept. */
export class KnownTrigrams {
  readonly #texts: readonly (readonly string[])[];
  readonly #seen = new Map<string, boolean>();

  constructor(texts: readonly string[]) {
    this.#texts = texts.map((text) => trigrams(wordsOf(text)));
    for (const text of this.#texts) for (const trigram of text) this.#seen.set(trigram, false);
  }

  read(document: string): void {
    for (const trigram of trigrams(wordsOf(document))) if (this.#seen.has(trigram)) this.#seen.set(trigram, true);
  }

  /** Of each text: its trigrams, and those of them that were read. */
  counts(): { readonly found: number; readonly total: number }[] {
    return this.#texts.map((text) => ({
      found: text.reduce((sum, trigram) => sum + (this.#seen.get(trigram) ? 1 : 0), 0),
      total: text.length,
    }));
  }
}

function trigrams(words: readonly string[]): string[] {
  return words.slice(2).map((word, i) => `${words[i]} ${words[i + 1]} ${word}`);
}
