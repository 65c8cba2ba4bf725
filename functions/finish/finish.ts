import { chosenLane } from '../../models/ssd2/choice.ts';
import { blocksOf, type Generation } from '../../models/ssd2/generation.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import { committedText } from '../commit-block/committed-text.ts';
import type { Degraded, FinishedGeneration } from '../contracts/generation.ts';
import { degradedText } from '../shared/degradation/degraded-text.ts';

/**
 * The texts of a finished generation, and how they came about; of candidates the best, with the steps of all.
 *
 * @param stop texts before which a lane's text ends
 * @param degraded how it went on, where it lost members
 */
export async function finish(
  generation: Generation,
  tokenizer: Tokenizer,
  stop: readonly string[] = [],
  degraded?: Degraded,
): Promise<FinishedGeneration> {
  const finished = finishedLanes(generation).map(async (lane) => {
    const { text, tokens, steps, finish } = await committedText(generation, { ...lane, done: true }, stop, tokenizer);
    return { text, tokens, blocks: blocksOf(generation, lane), steps, seed: lane.seed, finish: finish ?? 'length' };
  });
  const lanes = await Promise.all(finished);
  return {
    models: generation.decoding.members.map(({ name }) => name),
    lanes,
    ...(degraded ? { degraded: degradedText(degraded, lanes, generation.decoding) } : {}),
  };
}

function finishedLanes(generation: Generation): Generation['lanes'] {
  const { lanes, choice } = generation;
  if (!choice) return lanes;
  const steps = lanes.reduce((sum, lane) => sum + lane.steps, 0);
  return [{ ...lanes[chosenLane(generation, choice)], steps }];
}
