import type { Generation } from '../../models/ssd2/generation.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import { toldDegraded } from '../api/degraded.ts';
import { chatForm, completionForm, secondsOf, usageOf } from '../api/openai-form.ts';
import type { BatchRecord } from '../contracts/batch/record.ts';
import type { FinishedGeneration, FinishedLane, Ledger } from '../contracts/generation.ts';
import { finish } from '../finish/finish.ts';
import type { PlannedRow, RowResult } from '../shared/batches/chunk-store.ts';

/** What a group of rows gave, in their order. */
export async function rowResults(
  rows: readonly PlannedRow[],
  generation: Generation,
  tokenizer: Tokenizer,
  batch: Pick<BatchRecord, 'createdAt'> & { readonly ledger: Pick<Ledger, 'degraded'> },
): Promise<RowResult[]> {
  let first = 0;
  const own = rows.map((row) => {
    const lanes = generation.lanes.slice(first, first + row.lanes);
    first += row.lanes;
    return { row, lanes };
  });
  return Promise.all(
    own.map(async ({ row, lanes }) => {
      const finished = await finish({ ...generation, lanes }, tokenizer, row.stop, batch.ledger.degraded);
      const { lanes: texts, degraded } = finished;
      return {
        ...{ row: row.row, line: row.line, promptTokens: row.promptTokens },
        tokens: sum(texts, ({ tokens }) => tokens),
        steps: sum(texts, ({ steps }) => steps),
        ...(degraded ? { degradedTokens: degraded.tokens } : {}),
        output: row.form === 'plain' ? plainOutput(row, finished) : openAiOutput(row, finished, batch),
      };
    }),
  );
}

/** What tells a row's answer from others of its batch. */
export const requestIdOf = (line: number) => `batch_req_${line}`;

function plainOutput({ id, seed }: PlannedRow, { lanes, ...finished }: FinishedGeneration): object {
  const told = lanes.map(({ text, tokens, steps, finish }) => ({ text, tokens, steps, finish_reason: finish }));
  return { id, seed, ...(told.length === 1 ? told[0] : { choices: told }), ...toldDegraded(finished) };
}

function openAiOutput(
  { id, form, line, model, seed, promptTokens }: PlannedRow,
  { lanes: texts, ...finished }: FinishedGeneration,
  { createdAt }: Pick<BatchRecord, 'createdAt'>,
): object {
  const { object, choice } = form === '/v1/completions' ? completionForm : chatForm;
  const own = requestIdOf(line);
  const body = {
    ...{ id: own, object, created: secondsOf(createdAt), model },
    choices: texts.map((lane, index) => choice(index, lane, undefined)),
    usage: usageOf({ lanes: texts, promptTokens }),
    slingshot: { generation: own, seed, steps: sum(texts, ({ steps }) => steps), ...toldDegraded(finished) },
  };
  return { id: own, custom_id: id, response: { status_code: 200, request_id: own, body }, error: null };
}

function sum(texts: readonly FinishedLane[], of: (lane: FinishedLane) => number): number {
  return texts.reduce((total, lane) => total + of(lane), 0);
}
