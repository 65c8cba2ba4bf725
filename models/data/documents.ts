import type { ChatTemplate } from '../tokenizer/chat-template.ts';
import { instructionPrompt } from '../tokenizer/instruction-template.ts';
import type { RowOptions } from './bad-row.ts';
import { type LinePart, readLineParts } from './lines.ts';
import { LongRow } from './long-row.ts';
import { PieceCutter, piecesOf } from './pieces.ts';
import { type InstructionRow, isPlainText, notText, parseObject, readInstructions, refuse } from './rows.ts';

/**
 * A document as it is read: pieces of text, or of a conversation its tokens, in an instruction's the place where its
 * response begins, and its end. One that turns out to be none after some of its pieces is taken back.
 */
export type DocumentPart =
  | { readonly kind: 'piece'; readonly text: string }
  | { readonly kind: 'ids'; readonly ids: readonly number[] }
  | { readonly kind: 'response' }
  | { readonly kind: 'end' }
  | { readonly kind: 'discard' };

/** Plain text, or instructions with their responses. */
export type DataFormat = 'text' | 'instructions';

export interface ReadOptions extends RowOptions {
  /** What instructions are put in; the template of instructions when absent. */
  readonly chat?: ChatTemplate | undefined;
}

/**
 * The documents of some files, of any length in bounded memory: the `text` of JSON rows, whole plain files, or
 * instructions in their template.
 *
 * @throws BadRow by file and line
 */
export async function* readDocuments(
  files: readonly string[],
  format: DataFormat,
  options: ReadOptions,
): AsyncGenerator<DocumentPart> {
  if (format === 'instructions') {
    for await (const row of readInstructions(files, options)) yield* instructionParts(row, options.chat);
    return;
  }
  for (const file of files) yield* isPlainText(file) ? readPlainFile(file, options) : readTextRows(file, options);
}

async function* instructionParts(
  { instruction, context, response }: InstructionRow,
  chat: ChatTemplate | undefined,
): AsyncGenerator<DocumentPart> {
  if (chat) {
    const content = [context.trim(), instruction.trim()].filter((part) => part !== '').join('\n\n');
    yield { kind: 'ids', ids: await chat.encode([{ role: 'user', content }]) };
  } else yield* pieces(piecesOf(instructionPrompt(instruction, context)));
  yield { kind: 'response' };
  yield* pieces(piecesOf(response));
  if (chat) yield { kind: 'ids', ids: chat.endOfTurn };
  yield { kind: 'end' };
}

/** The texts of some files, each as a whole. */
export async function* readTexts(
  files: readonly string[],
  options: RowOptions = { policy: 'fail' },
): AsyncGenerator<string> {
  let text = '';
  for await (const part of readDocuments(files, 'text', options)) {
    if (part.kind === 'piece') text += part.text;
    if (part.kind === 'end') yield text;
    if (part.kind !== 'piece') text = '';
  }
}

function* pieces(texts: Iterable<string>): Generator<DocumentPart> {
  for (const text of texts) yield { kind: 'piece', text };
}

/** One document, less the blank lines around it and what is no text in it. */
async function* readPlainFile(file: string, options: RowOptions): AsyncGenerator<DocumentPart> {
  const cutter = new PieceCutter();
  let isEmpty = true;
  let breaks = '';
  for await (const { line, text, first, last } of readLineParts(file)) {
    if (text === undefined) {
      if (last) refuse(file, line, notText, options);
    } else if (text !== '') {
      yield* pieces(cutter.push(isEmpty ? text : breaks + text));
      isEmpty = false;
      breaks = '';
    }
    if (last && (text !== undefined || !first)) breaks += '\n';
  }
  if (isEmpty) return;
  yield* pieces(cutter.end());
  yield { kind: 'end' };
}

const notTextRow = 'not a JSON object with a "text"';

async function* readTextRows(file: string, options: RowOptions): AsyncGenerator<DocumentPart> {
  let long: LongText | undefined;
  for await (const part of readLineParts(file)) {
    if (!part.first || !part.last) {
      long ??= new LongText();
      yield* pieces(long.push(part));
      if (!part.last) continue;
      yield* long.end();
      if (long.wrong) refuse(file, part.line, long.wrong, options);
      long = undefined;
    } else if (part.text === undefined) refuse(file, part.line, notText, options);
    else if (part.text.trim() !== '') {
      const text = parseObject(part.text)?.text;
      if (typeof text === 'string' && text.trim() !== '') {
        yield* pieces(piecesOf(text));
        yield { kind: 'end' };
      } else refuse(file, part.line, notTextRow, options);
    }
  }
}

/** The text of a row that comes in several parts. */
class LongText {
  readonly #row = new LongRow('text');
  readonly #cutter = new PieceCutter();
  wrong: string | undefined;

  *push({ text }: LinePart): Generator<string> {
    if (text === undefined) this.wrong = notText;
    else yield* this.#cutter.push(this.#row.push(text));
  }

  *end(): Generator<DocumentPart> {
    if (!this.wrong && !this.#row.isComplete) this.wrong = notTextRow;
    if (this.wrong) {
      yield { kind: 'discard' };
      return;
    }
    yield* pieces(this.#cutter.end());
    yield { kind: 'end' };
  }
}
