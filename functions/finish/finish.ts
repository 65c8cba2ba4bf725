import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import type { Generation, GenerationResult } from '../contracts/generation.ts';

/** The text of a finished generation, and how it came about. */
export async function finish(generation: Generation, tokenizer: Tokenizer): Promise<GenerationResult> {
  const { progress, decoding, stepsRun } = generation;
  return {
    text: await tokenizer.decode(progress.generated),
    tokens: progress.generated.length,
    blocks: progress.blocks,
    steps: stepsRun,
    models: decoding.members.map(({ name }) => name),
    seed: decoding.seed,
  };
}
