import { createReadStream, existsSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';

/** A row that is not what it should be, by file and line. */
export class BadRow extends Error {
  override name = 'BadRow';
}

/** What to do with one: stop, or report it and go on. */
export type BadRowPolicy = 'fail' | 'skip';

const extensions = ['.jsonl', '.txt', '.jsonl.gz', '.txt.gz'];

/**
 * The files of a path: itself, or all of a folder that are JSON Lines or plain text, plain or gzip, by name.
 *
 * @throws Error when there are none
 */
export async function dataFiles(path: string): Promise<string[]> {
  if (!existsSync(path)) throw new Error(`${path}: no such file or folder`);
  if (!statSync(path).isDirectory()) {
    if (!isData(path)) throw new Error(`${path}: expected a file that ends in ${extensions.join(', ')}`);
    return [path];
  }
  const files = (await readdir(path, { recursive: true })).filter(isData).sort();
  if (files.length === 0) throw new Error(`${path}: no file in it ends in ${extensions.join(', ')}`);
  return files.map((file) => join(path, file));
}

function isData(file: string): boolean {
  return extensions.some((extension) => file.endsWith(extension));
}

function isPlainText(file: string): boolean {
  return /\.txt(\.gz)?$/.test(file);
}

/** The lines of a file that are not blank, with their numbers from 1. Plain text: its paragraphs, by their first line. */
async function* readRows(file: string): AsyncGenerator<{ line: number; row: string }> {
  const source = createReadStream(file);
  const bytes = file.endsWith('.gz') ? source.pipe(createGunzip()) : source;
  // A pipe does not pass errors on.
  source.on('error', (error) => bytes.destroy(error));
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const isText = isPlainText(file);
  let line = 0;
  let document: string[] = [];
  let start = 1;
  try {
    for await (const raw of createInterface({
      input: bytes.setEncoding('latin1'),
      crlfDelay: Number.POSITIVE_INFINITY,
    })) {
      line++;
      let row: string;
      try {
        row = decoder.decode(Buffer.from(raw, 'latin1'));
      } catch {
        row = invalid;
      }
      if (!isText) {
        if (row.trim() !== '') yield { line, row };
        continue;
      }
      if (document.length === 0) start = line;
      document.push(row);
      // A plain file is one document; a long one is cut at a blank line, so that it never is in memory as a whole.
      if (row === invalid || (row === '' && document.length >= 200)) {
        yield { line: row === invalid ? line : start, row: row === invalid ? invalid : document.join('\n') };
        document = [];
      }
    }
  } catch (cause) {
    throw new BadRow(`${file}:${line + 1}: ${(cause as Error).message}`, { cause });
  }
  if (document.some((row) => row !== '')) yield { line: start, row: document.join('\n') };
}

/** Stands for a row whose bytes are not UTF-8. */
const invalid = '\0';

export interface RowOptions {
  readonly policy: BadRowPolicy;
  readonly onBadRow?: (error: BadRow) => void;
}

/** Every row of some files as `parse` makes it, which answers a string that says what is wrong, or the row. */
async function* parsedRows<T extends object>(
  files: readonly string[],
  { policy, onBadRow }: RowOptions,
  parse: (row: string, file: string) => T | string,
): AsyncGenerator<T> {
  for (const file of files) {
    for await (const { line, row } of readRows(file)) {
      const parsed = row.includes('\0') ? 'not UTF-8 text' : parse(row, file);
      if (typeof parsed !== 'string') {
        yield parsed;
        continue;
      }
      const error = new BadRow(`${file}:${line}: ${parsed}`);
      if (policy === 'fail') throw error;
      onBadRow?.(error);
    }
  }
}

/** The texts of some files: the `text` of a JSON row, or a plain file's own. */
export async function* readTexts(
  files: readonly string[],
  options: RowOptions = { policy: 'fail' },
): AsyncGenerator<string> {
  const rows = parsedRows(files, options, (row, file) => {
    if (isPlainText(file)) return { text: row };
    const text = parseJson(row)?.text;
    return typeof text === 'string' && text.trim() !== '' ? { text } : 'not a JSON object with a "text"';
  });
  for await (const { text } of rows) yield text;
}

/** What an instruction-tuned model learns from. */
export interface InstructionRow {
  readonly instruction: string;
  /** What the instruction is about; may be empty. */
  readonly context: string;
  readonly response: string;
}

export async function* readInstructions(
  files: readonly string[],
  options: RowOptions = { policy: 'fail' },
): AsyncGenerator<InstructionRow> {
  yield* parsedRows(files, options, (row) => {
    const { instruction, context = '', response } = parseJson(row) ?? {};
    if (![instruction, context, response].every((part) => typeof part === 'string') || !instruction || !response) {
      return 'not a JSON object with "instruction", "context" and "response"';
    }
    return { instruction, context, response } as InstructionRow;
  });
}

/** What a model can be asked with: instructions whole, and texts to take a beginning from. */
export async function* readPromptTexts(files: readonly string[]): AsyncGenerator<{ text: string; whole: boolean }> {
  yield* parsedRows(files, { policy: 'fail' }, (row, file) => {
    if (isPlainText(file)) return { text: row, whole: false };
    const { instruction, text } = parseJson(row) ?? {};
    if (typeof instruction === 'string' && instruction.trim() !== '') return { text: instruction, whole: true };
    return typeof text === 'string' ? { text, whole: false } : 'not a JSON object with a "text" or an "instruction"';
  });
}

function parseJson(row: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(row);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
