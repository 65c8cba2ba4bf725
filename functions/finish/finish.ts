import { blocksOf, type Generation, generatedTokens } from '../../models/ssd2/generation.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import type { FinishedGeneration } from '../contracts/generation.ts';

/** The texts of a finished generation, and how they came about. */
export async function finish(generation: Generation, tokenizer: Tokenizer): Promise<FinishedGeneration> {
  const lanes = generation.lanes.map(async (lane) => {
    const ids = generatedTokens(generation, lane);
    const text = await tokenizer.decode(ids);
    return { text, tokens: ids.length, blocks: blocksOf(generation, lane), steps: lane.steps, seed: lane.seed };
  });
  return { models: generation.decoding.members.map(({ name }) => name), lanes: await Promise.all(lanes) };
}
