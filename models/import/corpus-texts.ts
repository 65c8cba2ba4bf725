import { readTexts } from '../data/documents.ts';
import { isPlainText, readJsonRows } from '../data/rows.ts';

/** All that there is to read in some files: texts, and instructions with what belongs to them. */
export async function* corpusTexts(files: readonly string[]): AsyncGenerator<string> {
  const expected = 'a JSON object with a "text" or an "instruction"';
  for (const file of files) {
    if (isPlainText(file)) {
      yield* readTexts([file]);
      continue;
    }
    const rows = readJsonRows([file], { policy: 'fail' }, expected, ({ text, instruction, context, response }) => {
      const parts = [text, instruction, context, response].filter((part) => typeof part === 'string' && part !== '');
      return parts.length > 0 ? { text: parts.join('\n') } : undefined;
    });
    for await (const { text } of rows) yield text;
  }
}
