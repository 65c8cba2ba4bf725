import { loadServedTokenizer } from '../../models/checkpoint/served-model.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import { commitChunk } from '../commit-chunk/commit-chunk.ts';
import { batchChunkSchema } from '../contracts/batch/states.ts';
import { finishChunk } from '../finish-chunk/finish-chunk.ts';
import { prepareChunk } from '../prepare-chunk/prepare-chunk.ts';
import { setting } from '../shared/environment.ts';
import { lambdaHandler } from '../shared/lambda.ts';

let tokenizer: Promise<Tokenizer> | undefined;

/** What comes before a chunk's blocks, what follows each, and what follows the last. */
export const handler = lambdaHandler(batchChunkSchema, async (input) => {
  if (input.act === 'prepare') return prepareChunk(input);
  tokenizer ??= loadServedTokenizer(setting('SLINGSHOT_MODEL_DIRECTORY'));
  return input.act === 'commit' ? commitChunk(input, await tokenizer) : finishChunk(input, await tokenizer);
});
