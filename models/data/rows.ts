import { existsSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BadRow, type RowOptions } from './bad-row.ts';
import { readLineParts } from './lines.ts';

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

export function isPlainText(file: string): boolean {
  return /\.txt(\.gz)?$/.test(file);
}

/** Says what is wrong with a row, by the options' policy. */
export function refuse(file: string, line: number, what: string, { policy, onBadRow }: RowOptions): void {
  const error = new BadRow(`${file}:${line}: ${what}`);
  if (policy === 'fail') throw error;
  onBadRow?.(error);
}

export const notText = 'not UTF-8 text';

/** The longest row that is taken as a whole, in bytes. */
const rowBytes = 2 ** 26;

/**
 * Every row of some files of JSON Lines as `parse` makes it of the object, or `expected`, which says what it is not.
 *
 * @throws BadRow by file and line
 */
export async function* readJsonRows<T extends object>(
  files: readonly string[],
  options: RowOptions,
  expected: string,
  parse: (row: Record<string, unknown>) => T | undefined,
): AsyncGenerator<T> {
  for (const file of files) {
    for await (const { line, text, first, last } of readLineParts(file, rowBytes)) {
      if (!first) continue;
      if (last && text?.trim() === '') continue;
      const row = last && text !== undefined ? parseObject(text) : undefined;
      const parsed = row && parse(row);
      if (parsed) yield parsed;
      else if (text === undefined) refuse(file, line, notText, options);
      else refuse(file, line, last ? `not ${expected}` : `longer than ${rowBytes} bytes`, options);
    }
  }
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
  const expected = 'a JSON object with "instruction", "context" and "response"';
  yield* readJsonRows(files, options, expected, ({ instruction, context = '', response }) => {
    const isRow = [instruction, context, response].every((part) => typeof part === 'string') && instruction && response;
    return isRow ? ({ instruction, context, response } as InstructionRow) : undefined;
  });
}

export function parseObject(row: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(row);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
