import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, readFileSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { writeAtomically } from '../files/atomic-write.ts';
import { makeFolder } from '../files/make-folder.ts';
import { writeError } from '../files/write-error.ts';
import { instructionPrompt } from '../tokenizer/instruction-template.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { type InstructionRow, type RowOptions, readInstructions, readTexts } from './rows.ts';
import { TokenFile, type TokenSequence } from './token-store.ts';

/** Plain text, or instructions with their responses. */
export type DataFormat = 'text' | 'instructions';

/** Tokens end to end, each document closed by end-of-text; of instructions, where each begins and where its response. */
export interface Corpus {
  readonly tokens: TokenSequence;
  /** Pairs of positions in `tokens`: a document's start and its response's, one pair after the other. */
  readonly responses?: Uint32Array;
}

export interface TokenizeOptions extends RowOptions {
  readonly onProgress?: (documents: number, tokens: number) => void;
}

const documentsAtOnce = 64;

interface Documents {
  readonly count: number;
  readonly tokens: Uint16Array;
  readonly responses: number[];
}

/** The documents of some files, tokenized a few at a time. `responses` count from the first of these tokens. */
async function* tokenized(
  files: readonly string[],
  format: DataFormat,
  tokenizer: Tokenizer,
  options: RowOptions,
): AsyncGenerator<Documents> {
  const encode = async (rows: readonly (string | InstructionRow)[]): Promise<Documents> => {
    const asked = rows.map((row) => (typeof row === 'string' ? '' : instructionPrompt(row.instruction, row.context)));
    const said = rows.map((row) => (typeof row === 'string' ? row : row.response));
    const [prompts, bodies] = [await tokenizer.encodeBatch(asked), await tokenizer.encodeBatch(said)];
    const ids: number[] = [];
    const responses: number[] = [];
    rows.forEach((row, i) => {
      if (typeof row !== 'string') responses.push(ids.length, ids.length + prompts[i].length);
      ids.push(...prompts[i], ...bodies[i], tokenizer.endOfText);
    });
    return { count: rows.length, tokens: Uint16Array.from(ids), responses };
  };
  let batch: (string | InstructionRow)[] = [];
  const rows = format === 'text' ? readTexts(files, options) : readInstructions(files, options);
  for await (const row of rows) {
    batch.push(row);
    if (batch.length < documentsAtOnce) continue;
    yield encode(batch);
    batch = [];
  }
  if (batch.length > 0) yield encode(batch);
}

/** A corpus in memory, for what is known to be small. */
export async function tokenizeInMemory(
  files: readonly string[],
  tokenizer: Tokenizer,
  options: TokenizeOptions & { readonly format?: DataFormat } = { policy: 'fail' },
): Promise<Corpus & { readonly tokens: Uint16Array }> {
  const parts: Uint16Array[] = [];
  const responses: number[] = [];
  let [length, documents] = [0, 0];
  const format = options.format ?? 'text';
  for await (const part of tokenized(files, format, tokenizer, options)) {
    for (const position of part.responses) responses.push(length + position);
    parts.push(part.tokens);
    length += part.tokens.length;
    documents += part.count;
    options.onProgress?.(documents, length);
  }
  if (length === 0) throw new Error(`${files.join(', ')}: no text in it`);
  const tokens = new Uint16Array(length);
  let at = 0;
  for (const part of parts) {
    tokens.set(part, at);
    at += part.length;
  }
  return { tokens, ...(format === 'text' ? {} : { responses: Uint32Array.from(responses) }) };
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
    .update(JSON.stringify([sources, format, options.policy, tokenizerJson]))
    .digest('hex');
  const known = existsSync(tokenPath) ? readIndex(indexPath) : undefined;
  let responses = known?.responses ?? [];
  if (known?.key !== key) {
    await makeFolder(folder);
    await rm(indexPath, { force: true });
    responses = await writeTokens(`${tokenPath}.part`, tokenized(files, format, tokenizer, options), options);
    await rename(`${tokenPath}.part`, tokenPath);
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

async function writeTokens(
  path: string,
  documents: AsyncIterable<Documents>,
  { onProgress }: TokenizeOptions,
): Promise<number[]> {
  const responses: number[] = [];
  let [length, count] = [0, 0];
  async function* bytes() {
    for await (const part of documents) {
      for (const position of part.responses) responses.push(length + position);
      length += part.tokens.length;
      count += part.count;
      yield new Uint8Array(part.tokens.buffer);
      onProgress?.(count, length);
    }
  }
  try {
    await pipeline(bytes, createWriteStream(path));
  } catch (cause) {
    await rm(path, { force: true });
    throw cause instanceof Error && 'syscall' in cause ? writeError(path, cause) : cause;
  }
  return responses;
}
