import { readTexts } from '../training/data/rows.ts';

/**
 * Prompts from held-out text: the first words of every document, evenly spread over the files, the same ones each time.
 *
 * @param words how many of each document's first words
 */
export async function promptsOf(files: readonly string[], count: number, words: number): Promise<string[]> {
  const starts: string[] = [];
  for await (const text of readTexts(files)) {
    const start = text.trim().split(/\s+/);
    // A document of little more than its prompt is a heading.
    if (start.length >= 2 * words) starts.push(start.slice(0, words).join(' '));
  }
  if (starts.length === 0) throw new Error(`${files.join(', ')}: no document of ${2 * words} words or more`);
  const every = Math.max(1, starts.length / count);
  return Array.from({ length: Math.min(count, starts.length) }, (_, i) => starts[Math.floor(i * every)]);
}
