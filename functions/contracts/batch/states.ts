import * as z from 'zod';
import { stateSchema } from '../generation.ts';
import { degradations } from '../request.ts';

const name = z.string().min(1);
const countSchema = z.int().nonnegative();

/** The input of the Batch state machine: whose batch, which, and the how manyeth time it runs. */
export const batchInputSchema = z
  .strictObject({
    ...{ tenant: name, batch: name, run: countSchema },
    /** Of a file that was dropped: what its batch is to be made of. */
    dropped: z
      .strictObject({ key: name, tier: name, degradation: z.enum(degradations).optional() })
      .readonly()
      .optional(),
  })
  .readonly();
export type BatchInput = z.infer<typeof batchInputSchema>;

/** To batch-file. */
export const batchFileSchema = z
  .strictObject({ act: z.enum(['validate', 'assemble']), input: batchInputSchema })
  .readonly();

/** From Validate to the Map. */
export interface ValidatedBatch {
  /** Rows to run, from the first on. */
  readonly rows: number;
  readonly lanes: number;
  readonly maxConcurrency: number;
  /** Where the Map reads one item a row, and writes what became of its children. */
  readonly index: string;
  readonly prefix: string;
}

/** Where a row lies: one item of the Map, and a line of the index. It has none of the row's words. */
export const rowItemSchema = z
  .strictObject({
    /** The row's number, from 0. */
    row: countSchema,
    segment: countSchema,
    /** Its place in the segment, and its length, in bytes. */
    at: countSchema,
    bytes: countSchema,
  })
  .readonly();
export type RowItem = z.infer<typeof rowItemSchema>;

const chunkOf = { tenant: name, batch: name };

/** Before a chunk's first block, and before that of each of its groups. */
const chunkInputSchema = z
  .strictObject({
    ...chunkOf,
    act: z.literal('prepare'),
    /** The execution's name. */
    id: name,
    items: z.array(rowItemSchema).min(1).readonly(),
    lanes: countSchema.min(1),
    group: countSchema,
  })
  .readonly();
export type ChunkInput = z.infer<typeof chunkInputSchema>;

const { run, step, chunk } = stateSchema.unwrap().required().shape;

/** After each block, and once more when all texts are done. */
const chunkStepSchema = z.strictObject({ ...chunkOf, act: z.enum(['commit', 'finish']), chunk, run, step }).readonly();
export type ChunkStep = z.infer<typeof chunkStepSchema>;

/** To batch-chunk. */
export const batchChunkSchema = z.union([chunkInputSchema, chunkStepSchema]);

/** From batch-chunk at a group's end, and before it where there is nothing to run. */
export interface ChunkDone {
  readonly chunk: number;
  /** The group to run next, if there is one more. */
  readonly group: number;
  readonly more: boolean;
}
