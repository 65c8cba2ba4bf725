import { chosenLane } from '../../models/ssd2/choice.ts';
import { blocksOf, type Generation } from '../../models/ssd2/generation.ts';
import { generatedTokens } from '../../models/ssd2/lane.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import type { FinishedGeneration } from '../contracts/generation.ts';

/** The texts of a finished generation, and how they came about; of candidates the best, with the steps of all. */
export async function finish(generation: Generation, tokenizer: Tokenizer): Promise<FinishedGeneration> {
  const lanes = finishedLanes(generation).map(async (lane) => {
    const ids = generatedTokens(generation, lane);
    const text = await tokenizer.decode(ids);
    return { text, tokens: ids.length, blocks: blocksOf(generation, lane), steps: lane.steps, seed: lane.seed };
  });
  return { models: generation.decoding.members.map(({ name }) => name), lanes: await Promise.all(lanes) };
}

function finishedLanes(generation: Generation): Generation['lanes'] {
  const { lanes, choice } = generation;
  if (!choice) return lanes;
  const steps = lanes.reduce((sum, lane) => sum + lane.steps, 0);
  return [{ ...lanes[chosenLane(generation, choice)], steps }];
}
