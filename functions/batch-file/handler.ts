import { assembleBatch } from '../assemble-batch/assemble-batch.ts';
import { batchFileSchema } from '../contracts/batch/states.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { validateBatch } from '../validate-batch/validate-batch.ts';

/** What goes through the whole of a batch's file: before any row is run, and after the last. */
export const handler = lambdaHandler(batchFileSchema, async ({ act, input }) =>
  act === 'validate' ? validateBatch(input) : assembleBatch(input),
);
