import { readDocuments } from '../data/documents.ts';
import { isPlainText, readJsonRows } from '../data/rows.ts';

/**
 * Prompts from held-out rows, evenly spread over the files, the same ones each time: instructions as they are, and the
 * first words of documents.
 *
 * @param words how many of each document's first words
 */
export async function promptsOf(files: readonly string[], count: number, words: number): Promise<string[]> {
  const prompts: string[] = [];
  for await (const { text, whole } of promptTexts(files)) {
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

/** What a model can be asked with: instructions whole, and texts to take a beginning from, of a plain file its pieces. */
async function* promptTexts(files: readonly string[]): AsyncGenerator<{ text: string; whole: boolean }> {
  const expected = 'a JSON object with a "text" or an "instruction"';
  for (const file of files) {
    if (isPlainText(file)) {
      for await (const part of readDocuments([file], 'text', { policy: 'fail' })) {
        if (part.kind === 'piece') yield { text: part.text, whole: false };
      }
      continue;
    }
    yield* readJsonRows([file], { policy: 'fail' }, expected, ({ instruction, text }) => {
      if (typeof instruction === 'string' && instruction.trim() !== '') return { text: instruction, whole: true };
      return typeof text === 'string' ? { text, whole: false } : undefined;
    });
  }
}
