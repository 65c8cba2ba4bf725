import { linePartsOf } from '../../models/data/lines.ts';
import { batchLimits, type NormalRow, type RowProblem } from '../contracts/batch/row.ts';
import { IdSet } from './id-set.ts';
import { BadFile, inputBytes } from './input-bytes.ts';
import { isProblem, parseRow, type RowDefaults } from './parse-row.ts';

/**
 * The rows of a file, in its order, those that can be run with their numbers. Lines of white space count as rows that are
 * wrong, but at the file's end. Whatever the file, in bounded memory.
 *
 * @throws BadFile
 */
export async function* readRows(
  source: AsyncIterable<Uint8Array>,
  defaults: RowDefaults,
): AsyncGenerator<NormalRow | RowProblem> {
  const ids = new IdSet();
  let [row, lines, blankFrom, blankTo] = [0, 0, 0, 0];
  for await (const { line, text, first, last } of linePartsOf(inputBytes(source), batchLimits.lineBytes)) {
    // Of a line that is too long one part says enough.
    if (!first) continue;
    if (last && text !== undefined && text.trim() === '') {
      blankFrom ||= line;
      blankTo = line;
      continue;
    }
    if (blankFrom > 0) {
      for (let blank = blankFrom; blank <= blankTo; blank++) {
        refuseMany(++lines);
        yield { line: blank, id: null, code: 'blank_line', message: 'is blank', param: null };
      }
      blankFrom = 0;
    }
    refuseMany(++lines);
    const whole = last && (text === undefined || Buffer.byteLength(text) <= batchLimits.lineBytes);
    const parsed = whole ? rowOf(line, text, defaults) : tooLong(line);
    if (isProblem(parsed)) yield parsed;
    else if (ids.add(parsed.id)) yield { row: row++, ...parsed };
    else {
      const message = `custom_id: ${JSON.stringify(parsed.id)} is that of an earlier row`;
      yield { line, id: parsed.id, code: 'duplicate_custom_id', message, param: 'custom_id' };
    }
  }
  if (lines === 0) throw new BadFile('empty_file', 'the file has no rows');
}

function rowOf(line: number, text: string | undefined, defaults: RowDefaults) {
  if (text !== undefined) return parseRow(line, text, defaults);
  return { line, id: null, code: 'not_utf8', message: 'is not UTF-8', param: null };
}

function tooLong(line: number): RowProblem {
  const message = `is longer than ${batchLimits.lineBytes} bytes`;
  return { line, id: null, code: 'row_too_long', message, param: null };
}

function refuseMany(lines: number): void {
  if (lines > batchLimits.rows) throw new BadFile('too_many_rows', `the file has more than ${batchLimits.rows} rows`);
}
