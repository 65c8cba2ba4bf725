import type { Sample } from './text-judge.ts';

/**
 * Stretches of real documents in the shape of samples: some words as the prompt and those that follow as the text,
 * evenly spread over all there are.
 *
 * @throws Error when no document is that long
 */
export async function realSegments(
  documents: AsyncIterable<string>,
  {
    promptWords,
    textWords,
    count,
  }: { readonly promptWords: number; readonly textWords: number; readonly count: number },
): Promise<Sample[]> {
  const segments: Sample[] = [];
  for await (const document of documents) {
    // Each word with the space before it, so that a segment is the document's own characters.
    const words = document.match(/\s*\S+/g) ?? [];
    const length = promptWords + textWords;
    for (let start = 0; start + length <= words.length; start += length) {
      const [prompt, text] = [
        words.slice(start, start + promptWords),
        words.slice(start + promptWords, start + length),
      ];
      segments.push({ prompt: prompt.join('').trimStart(), text: text.join('') });
    }
  }
  if (segments.length === 0) throw new Error(`no document has ${promptWords + textWords} words or more`);
  const every = Math.max(1, segments.length / count);
  return Array.from({ length: Math.min(count, segments.length) }, (_, i) => segments[Math.floor(i * every)]);
}
