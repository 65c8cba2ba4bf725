import type { Generation } from '../../models/ssd2/generation.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import { chatForm, completionForm, secondsOf, usageOf } from '../api/openai-form.ts';
import type { BatchRecord } from '../contracts/batch/record.ts';
import type { FinishedLane } from '../contracts/generation.ts';
import { finish } from '../finish/finish.ts';
import type { PlannedRow, RowResult } from '../shared/batches/chunk-store.ts';

/** What a group of rows gave, in their order. */
export async function rowResults(
  rows: readonly PlannedRow[],
  generation: Generation,
  tokenizer: Tokenizer,
  batch: Pick<BatchRecord, 'createdAt'>,
): Promise<RowResult[]> {
  let first = 0;
  const own = rows.map((row) => {
    const lanes = generation.lanes.slice(first, first + row.lanes);
    first += row.lanes;
    return { row, lanes };
  });
  return Promise.all(
    own.map(async ({ row, lanes }) => {
      const { lanes: texts } = await finish({ ...generation, lanes }, tokenizer, row.stop);
      return {
        ...{ row: row.row, line: row.line, promptTokens: row.promptTokens },
        tokens: sum(texts, ({ tokens }) => tokens),
        steps: sum(texts, ({ steps }) => steps),
        output: row.form === 'plain' ? plainOutput(row, texts) : openAiOutput(row, texts, batch),
      };
    }),
  );
}

/** What tells a row's answer from others of its batch. */
export const requestIdOf = (line: number) => `batch_req_${line}`;

function plainOutput({ id, seed }: PlannedRow, texts: readonly FinishedLane[]): object {
  const told = texts.map(({ text, tokens, steps, finish }) => ({ text, tokens, steps, finish_reason: finish }));
  return { id, seed, ...(told.length === 1 ? told[0] : { choices: told }) };
}

function openAiOutput(
  { id, form, line, model, seed, promptTokens }: PlannedRow,
  texts: readonly FinishedLane[],
  { createdAt }: Pick<BatchRecord, 'createdAt'>,
): object {
  const { object, choice } = form === '/v1/completions' ? completionForm : chatForm;
  const own = requestIdOf(line);
  const body = {
    ...{ id: own, object, created: secondsOf(createdAt), model },
    choices: texts.map((lane, index) => choice(index, lane, undefined)),
    usage: usageOf({ lanes: texts, promptTokens }),
    slingshot: { generation: own, seed, steps: sum(texts, ({ steps }) => steps) },
  };
  return { id: own, custom_id: id, response: { status_code: 200, request_id: own, body }, error: null };
}

function sum(texts: readonly FinishedLane[], of: (lane: FinishedLane) => number): number {
  return texts.reduce((total, lane) => total + of(lane), 0);
}
