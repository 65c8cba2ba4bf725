import * as z from 'zod';
import { chatRequestSchema } from '../api/chat.ts';
import { completionRequestSchema } from '../api/completions.ts';
import { generationRequestSchema } from '../api/generations.ts';

/** What a file of a batch may have at most. */
export const batchLimits = {
  /** Lines, good and bad. */
  rows: 1_000_000,
  /** Bytes of a line. */
  lineBytes: 2 ** 20,
  /** Bytes of a file once it is unpacked, and how many times those of a packed one beyond the first part. */
  fileBytes: 8 * 2 ** 30,
  unpackedTimes: 250,
  unpackedFirstBytes: 64 * 2 ** 20,
  idLength: 128,
} as const;

/** What may be wrong with a whole file. */
export const fileProblems = [
  'empty_file',
  'not_utf8_file',
  'damaged_gzip',
  'too_much_inside',
  'file_too_large',
  'too_many_rows',
  'no_valid_rows',
] as const;
export type FileProblemCode = (typeof fileProblems)[number];

/** What may be wrong with one row, beside what the API says of a request. */
export const rowProblems = [
  'blank_line',
  'not_utf8',
  'row_too_long',
  'not_json',
  'not_an_object',
  'invalid_custom_id',
  'duplicate_custom_id',
  'invalid_method',
  'invalid_url',
  'missing_body',
] as const;

/** The address that a row's body is for, as OpenAI's batches name it. */
export const batchEndpoints = ['/v1/chat/completions', '/v1/completions'] as const;
export type BatchEndpoint = (typeof batchEndpoints)[number];

/** A row of OpenAI's form. */
export const openAiRowSchema = z.object({
  custom_id: z.string().min(1).max(batchLimits.idLength),
  method: z.literal('POST'),
  url: z.enum(batchEndpoints),
  body: z.looseObject({}),
});

const { shape } = generationRequestSchema;

/** A plain row: what POST /v1/generations takes, and its own id; the batch may name the model. */
export const plainRowSchema = z
  .strictObject({
    id: z.union([z.string().min(1).max(batchLimits.idLength), z.int()]).optional(),
    model: shape.model.optional(),
    ...{ prompt: shape.prompt, messages: shape.messages, n: shape.n, seed: shape.seed, stop: shape.stop },
    ...{ temperature: shape.temperature, top_p: shape.top_p, max_tokens: shape.max_tokens },
    slingshot: shape.slingshot,
  })
  .refine(({ prompt, messages }) => (prompt === undefined) !== (messages === undefined), {
    path: ['prompt'],
    message: 'is needed, or messages, and not both',
  });

export const bodySchemas = {
  '/v1/chat/completions': chatRequestSchema,
  '/v1/completions': completionRequestSchema,
} as const satisfies Record<BatchEndpoint, z.ZodType>;

/** How a row was written, and how its result is. */
export type RowForm = BatchEndpoint | 'plain';

/** A row that can be run, as it lies in the batch's segments: one JSON line each. */
export interface NormalRow {
  /** Among the rows that can be run, from 0. */
  readonly row: number;
  /** In the file, from 1. */
  readonly line: number;
  readonly id: string;
  readonly form: RowForm;
  /** As it came; it was found to fit its schema. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** A row that cannot, or a file. */
export interface RowProblem {
  readonly line: number;
  readonly id: string | null;
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
}
