import { readPromptTexts } from '../data/rows.ts';

/**
 * Prompts from held-out rows, evenly spread over the files, the same ones each time: instructions as they are, and the
 * first words of documents.
 *
 * @param words how many of each document's first words
 */
export async function promptsOf(files: readonly string[], count: number, words: number): Promise<string[]> {
  const prompts: string[] = [];
  for await (const { text, whole } of readPromptTexts(files)) {
    if (whole) {
      prompts.push(text.trim());
      continue;
    }
    const start = text.trim().split(/\s+/);
    // A document of little more than its prompt is a heading.
    if (start.length >= 2 * words) prompts.push(start.slice(0, words).join(' '));
  }
  if (prompts.length === 0) throw new Error(`${files.join(', ')}: no document of ${2 * words} words or more`);
  const every = Math.max(1, prompts.length / count);
  return Array.from({ length: Math.min(count, prompts.length) }, (_, i) => prompts[Math.floor(i * every)]);
}
