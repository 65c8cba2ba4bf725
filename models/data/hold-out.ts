import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { readTexts } from './documents.ts';

export interface HeldOut {
  /** Files of JSON Lines: what is left, and what was taken out of it. */
  readonly rest: string;
  readonly heldOut: string;
  /** Documents that were taken out. */
  readonly documents: number;
}

/** Takes one in so many documents of at least so many characters out of a corpus. */
export async function holdOut(
  files: readonly string[],
  folder: string,
  { every, characters }: { readonly every: number; readonly characters: number },
): Promise<HeldOut> {
  const [rest, heldOut] = [join(folder, 'rest.jsonl'), join(folder, 'held-out.jsonl')];
  let [long, documents] = [0, 0];
  const taken: string[] = [];
  async function* remaining() {
    for await (const text of readTexts(files)) {
      const line = `${JSON.stringify({ text })}\n`;
      if (text.length >= characters && ++long % every === 0) {
        documents++;
        taken.push(line);
      } else yield line;
    }
  }
  await pipeline(Readable.from(remaining()), createWriteStream(rest));
  await pipeline(Readable.from(taken), createWriteStream(heldOut));
  return { rest, heldOut, documents };
}
