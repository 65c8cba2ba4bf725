import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from '../files/atomic-write.ts';
import { makeFolder } from '../files/make-folder.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { type DataFormat, type DocumentPart, type ReadOptions, readDocuments } from './documents.ts';
import { pieceLength } from './pieces.ts';
import { TokenFile, type TokenSequence, TokenWriter } from './token-store.ts';

/** Tokens end to end, each document closed by end-of-text; of instructions, where each begins and where its response. */
export interface Corpus {
  readonly tokens: TokenSequence;
  /** Pairs of positions in `tokens`: a document's start and its response's, one pair after the other. */
  readonly responses?: Uint32Array;
}

export interface TokenizeOptions extends ReadOptions {
  readonly onProgress?: (documents: number, tokens: number) => void;
}

/** Pieces and characters that are encoded together. */
const [piecesAtOnce, charactersAtOnce] = [64, 4 * pieceLength];

/**
 * Writes the documents of some files as tokens.
 *
 * @returns pairs of a document's start and its response's; empty for plain text
 */
async function tokenize(
  files: readonly string[],
  format: DataFormat,
  tokenizer: Tokenizer,
  writer: TokenWriter,
  options: TokenizeOptions,
): Promise<number[]> {
  const responses: number[] = [];
  let [documents, start] = [0, 0];
  const write = async (parts: readonly DocumentPart[]) => {
    const texts = parts.flatMap((part) => (part.kind === 'piece' ? [part.text] : []));
    const encoded = (await tokenizer.encodeBatch(texts)).values();
    for (const part of parts) {
      const { kind } = part;
      if (kind === 'piece') writer.write(encoded.next().value as number[]);
      else if (kind === 'ids') writer.write(part.ids);
      else if (kind === 'response') responses.push(start, writer.length);
      else if (kind === 'end') {
        writer.write([tokenizer.endOfText]);
        start = writer.length;
        documents++;
      } else writer.cut(start);
    }
    options.onProgress?.(documents, writer.length);
  };
  let parts: DocumentPart[] = [];
  let [pieces, characters] = [0, 0];
  for await (const part of readDocuments(files, format, options)) {
    parts.push(part);
    if (part.kind !== 'piece') continue;
    characters += part.text.length;
    if (++pieces < piecesAtOnce && characters < charactersAtOnce) continue;
    await write(parts);
    [parts, pieces, characters] = [[], 0, 0];
  }
  await write(parts);
  return responses;
}

/** A corpus in memory, for what is known to be small. */
export async function tokenizeInMemory(
  files: readonly string[],
  tokenizer: Tokenizer,
  options: TokenizeOptions & { readonly format?: DataFormat } = { policy: 'fail' },
): Promise<Corpus & { readonly tokens: Uint16Array }> {
  const format = options.format ?? 'text';
  const writer = new TokenWriter();
  const responses = await tokenize(files, format, tokenizer, writer, options);
  if (writer.length === 0) throw new Error(`${files.join(', ')}: no text in it`);
  return { tokens: writer.tokens, ...(format === 'text' ? {} : { responses: Uint32Array.from(responses) }) };
}

/**
 * A corpus in a file of `folder`, made on the first call and found again by later ones as long as data and tokenizer
 * are the same.
 *
 * @param tokenizerJson says which tokenizer it is
 */
export async function tokenizeToFile(
  files: readonly string[],
  format: DataFormat,
  tokenizer: Tokenizer,
  tokenizerJson: string,
  folder: string,
  name: string,
  options: TokenizeOptions,
): Promise<Corpus> {
  const [tokenPath, indexPath] = [join(folder, `${name}.tokens`), join(folder, `${name}.index.json`)];
  const sources = files.map((file) => [file, statSync(file).size, statSync(file).mtimeMs]);
  const key = createHash('sha256')
    .update(JSON.stringify([sources, format, options.policy, tokenizerJson, options.chat?.source]))
    .digest('hex');
  const known = existsSync(tokenPath) ? readIndex(indexPath) : undefined;
  let responses = known?.responses ?? [];
  if (known?.key !== key) {
    await makeFolder(folder);
    await rm(indexPath, { force: true });
    responses = await tokenizeToPath(files, format, tokenizer, tokenPath, options);
    await writeAtomically(indexPath, JSON.stringify({ key, responses }));
  }
  const tokens = new TokenFile(tokenPath);
  if (tokens.length === 0) throw new Error(`${files.join(', ')}: no text in it`);
  return { tokens, ...(format === 'text' ? {} : { responses: Uint32Array.from(responses) }) };
}

const indexSchema = z.object({ key: z.string(), responses: z.array(z.int().nonnegative()) });

/** Undefined where there is none, or a damaged one: the tokens are made anew. */
function readIndex(path: string): z.infer<typeof indexSchema> | undefined {
  try {
    return indexSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

async function tokenizeToPath(
  files: readonly string[],
  format: DataFormat,
  tokenizer: Tokenizer,
  path: string,
  options: TokenizeOptions,
): Promise<number[]> {
  const part = `${path}.part`;
  const writer = new TokenWriter(part);
  try {
    const responses = await tokenize(files, format, tokenizer, writer, options);
    writer.finish();
    await rename(part, path);
    return responses;
  } catch (error) {
    writer.close();
    await rm(part, { force: true });
    throw error;
  }
}
