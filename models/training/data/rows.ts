import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/** The `text` of each row of a JSON Lines file, plain or gzip; throws with file and line on a row that has none. */
export async function* readTexts(path: string): AsyncGenerator<string> {
  const file = createReadStream(path);
  const bytes = path.endsWith('.gz') ? file.pipe(createGunzip()) : file;
  // A pipe does not pass errors on.
  file.on('error', (error) => bytes.destroy(error));
  let line = 0;
  for await (const row of createInterface({ input: bytes, crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (row.trim() === '') continue;
    const text = parseRow(row);
    if (text === undefined) throw new Error(`${path}:${line}: not a JSON object with a "text"`);
    yield text;
  }
}

function parseRow(row: string): string | undefined {
  try {
    const { text } = JSON.parse(row);
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Every document's tokens end to end, each closed by end-of-text. */
export async function tokenizeCorpus(
  path: string,
  tokenizer: Tokenizer,
  onProgress: (documents: number, tokens: number) => void = () => {},
): Promise<Uint16Array> {
  let tokens = new Uint16Array(2 ** 20);
  let length = 0;
  let documents = 0;
  let batch: string[] = [];
  const flush = async () => {
    for (const ids of await tokenizer.encodeBatch(batch)) {
      if (length + ids.length + 1 > tokens.length) {
        const larger = new Uint16Array(2 * (length + ids.length + 1));
        larger.set(tokens);
        tokens = larger;
      }
      tokens.set(ids, length);
      length += ids.length;
      tokens[length++] = tokenizer.endOfText;
    }
    documents += batch.length;
    batch = [];
    onProgress(documents, length);
  };
  for await (const text of readTexts(path)) {
    batch.push(text);
    if (batch.length === 64) await flush();
  }
  await flush();
  return tokens.slice(0, length);
}
