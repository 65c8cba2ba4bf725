import * as z from 'zod';
import { batchStatuses } from '../batch/record.ts';
import { batchEndpoints, plainRowSchema } from '../batch/row.ts';
import { limits } from './fields.ts';
import { uploadIdSchema } from './uploads.ts';

export const fileIdSchema = z.string().min(1).max(128).meta({ description: 'The file', example: 'file-5f3c8a51b2d9' });
export const batchIdSchema = z
  .string()
  .min(1)
  .max(128)
  .meta({ description: 'The batch', example: 'batch_5f3c8a51b2d9' });

/** A body of POST /v1/files that names an upload; a file itself comes as multipart/form-data, as OpenAI's clients send it. */
export const fileRequestSchema = z
  .strictObject({
    upload: uploadIdSchema.meta({ description: 'An upload of the purpose batch, which becomes the file' }),
    purpose: z.literal('batch'),
  })
  .meta({ id: 'FileRequest' });

export const fileSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('file'),
    bytes: z.int(),
    created_at: z.int(),
    expires_at: z.int(),
    filename: z.string(),
    purpose: z.enum(['batch', 'batch_output']),
    status: z.literal('processed'),
  })
  .meta({ id: 'File' });
export type ApiFile = z.infer<typeof fileSchema>;

export const fileListSchema = z
  .strictObject({
    ...{ object: z.literal('list'), data: z.array(fileSchema), has_more: z.boolean() },
    ...{ first_id: z.string().nullable(), last_id: z.string().nullable() },
  })
  .meta({ id: 'FileList' });

export const fileDeletedSchema = z
  .strictObject({ id: z.string(), object: z.literal('file'), deleted: z.literal(true) })
  .meta({ id: 'FileDeleted' });

const mostListed = 100;
export const pageQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(mostListed).default(20).meta({ description: 'How many at most' }),
  after: z.string().min(1).max(128).optional().meta({ description: 'Those that come after this one' }),
});

const day = 86_400;
const secondsOfUnit = { m: 60, h: 3600, d: day } as const;
/** What was put down is there for 14 days. */
const longestWindow = 13 * day;

/** A time such as 24h, in seconds; undefined where it is none, or too long. */
export function windowSeconds(window: string): number | undefined {
  const [, count, unit] = /^([1-9]\d{0,5})([mhd])$/.exec(window) ?? [];
  const seconds = Number(count) * (secondsOfUnit[unit as keyof typeof secondsOfUnit] ?? 0);
  return seconds > 0 && seconds <= longestWindow ? seconds : undefined;
}

const windowSchema = z
  .string()
  .refine((text) => windowSeconds(text) !== undefined, 'is no time such as 90m, 24h or 13d, the longest')
  .meta({ description: 'How long rows may begin, such as 24h', example: '24h' });

const budgetSchema = z.int().min(1).meta({ description: 'Tokens that all rows together may make' });
const { shape: plain } = plainRowSchema;

/** What only Slingshot's batches have. */
const batchOptionsSchema = z
  .strictObject({
    seed: z
      .int()
      .min(0)
      .max(2 ** 48 - 1)
      .optional()
      .meta({ description: 'A row without a seed has this, 0 by default, and 8 for each line before it' }),
    budgetTokens: budgetSchema.optional(),
    dryRun: z.boolean().optional().meta({ description: 'Says what it would take, and runs nothing' }),
    defaults: z
      .strictObject({
        ...{ model: plain.model, n: plain.n, stop: plain.stop, temperature: plain.temperature, top_p: plain.top_p },
        ...{ max_tokens: plain.max_tokens, slingshot: plain.slingshot },
      })
      .optional()
      .meta({ description: 'What plain rows leave out' }),
  })
  .meta({ id: 'BatchOptions' });

/** Metadata by which OpenAI's clients, which have no fields of ours, ask for the same. */
const metadataSchema = z
  .record(z.string().max(64), z.string().max(512))
  .refine((metadata) => Object.keys(metadata).length <= limits.metadata, `has more than ${limits.metadata} members`);

export const batchRequestSchema = z
  .object({
    input_file_id: fileIdSchema,
    endpoint: z.enum(batchEndpoints).meta({ description: 'Of rows of OpenAI’s form; plain rows say by themselves' }),
    completion_window: windowSchema,
    metadata: metadataSchema.nullish().transform((value) => value ?? {}),
    slingshot: batchOptionsSchema.optional(),
  })
  .meta({ id: 'BatchRequest' });
/** As a client sends it. */
export type BatchRequest = z.input<typeof batchRequestSchema>;

export const resumeRequestSchema = z
  .strictObject({ completion_window: windowSchema.optional(), budgetTokens: budgetSchema.optional() })
  .meta({ id: 'ResumeRequest' });

const time = z.int().nullable();

const rowProblemSchema = z.strictObject({
  code: z.string(),
  message: z.string(),
  param: z.string().nullable(),
  line: z.int().nullable(),
});

export const batchSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('batch'),
    endpoint: z.string(),
    errors: z.strictObject({ object: z.literal('list'), data: z.array(rowProblemSchema) }).nullable(),
    input_file_id: z.string(),
    completion_window: z.string(),
    status: z.enum(batchStatuses),
    output_file_id: z.string().nullable(),
    error_file_id: z.string().nullable(),
    created_at: z.int(),
    in_progress_at: time,
    expires_at: z.int(),
    finalizing_at: time,
    completed_at: time,
    failed_at: time,
    expired_at: time,
    cancelling_at: time,
    cancelled_at: time,
    request_counts: z.strictObject({ total: z.int(), completed: z.int(), failed: z.int() }),
    metadata: z.record(z.string(), z.string()),
    slingshot: z
      .strictObject({
        input: z.string().meta({ description: 'Where the rows lie under the tenant’s prefix' }),
        lanes: z.int().meta({ description: 'Rows that are run side by side' }),
        seed: z.int(),
        run: z.int().meta({ description: 'How often it was resumed' }),
        tokens: z.int().meta({ description: 'Made so far' }),
        admitted: z.int().nullable().meta({ description: 'Rows that there is room for' }),
        estimate: z
          .strictObject({ rows: z.int(), tokens: z.int(), steps: z.int() })
          .nullable()
          .meta({ description: 'What its good rows make and take at most' }),
      })
      .meta({ id: 'BatchProgress' }),
  })
  .meta({ id: 'Batch' });
export type ApiBatch = z.infer<typeof batchSchema>;

export const batchListSchema = z
  .strictObject({
    ...{ object: z.literal('list'), data: z.array(batchSchema), has_more: z.boolean() },
    ...{ first_id: z.string().nullable(), last_id: z.string().nullable() },
  })
  .meta({ id: 'BatchList' });

/** Bytes of a file that a request carries; larger ones are uploaded. */
export const largestSentFile = 4 * 2 ** 20;
