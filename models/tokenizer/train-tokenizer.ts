import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { BPE, byteLevelAlphabet, byteLevelPreTokenizer, Tokenizer } from 'tokenizers';
import { byteLevel, byteLevelBpe } from './byte-level-bpe.ts';
import { endOfText } from './tokenizer.ts';

/**
 * Trains a byte-level BPE of `size` entries, on texts that are never in memory as a whole, and gives the text of its
 * tokenizer.json.
 *
 * The Node binding trains with a fixed size of 30,000. Merges are found greedily, each from the ones before, so the
 * first ones of a longer training are those of a shorter one: it is cut to size here, over the whole byte alphabet.
 */
export async function trainTokenizer(texts: Iterable<string> | AsyncIterable<string>, size: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'slingshot-tokenizer-'));
  try {
    const [corpus, trained] = [join(folder, 'corpus.txt'), join(folder, 'tokenizer.json')];
    await pipeline(lines(texts), createWriteStream(corpus));
    const tokenizer = new Tokenizer(BPE.empty());
    tokenizer.setPreTokenizer(byteLevelPreTokenizer(false));
    tokenizer.train([corpus]);
    tokenizer.save(trained);
    return cutToSize(JSON.parse(await readFile(trained, 'utf8')).model.merges, size);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function* lines(texts: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string> {
  for await (const text of texts) yield `${text}\n`;
}

function cutToSize(merges: readonly [string, string][], size: number): string {
  const tokens = new Set([endOfText, ...byteLevelAlphabet().sort()]);
  const kept: [string, string][] = [];
  for (const merge of merges) {
    if (tokens.size === size) break;
    tokens.add(merge.join(''));
    kept.push(merge);
  }
  if (tokens.size < size) throw new RangeError(`the text gives only ${tokens.size} of ${size} tokens: use more text`);
  const vocab = Object.fromEntries([...tokens].map((token, id) => [token, id]));
  return `${JSON.stringify(byteLevelBpe({ vocab, merges: kept, addedTokens: [], preTokenizer: byteLevel }))}\n`;
}
