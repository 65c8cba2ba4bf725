import { callsOf, type Generation } from '../../models/ssd2/generation.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import { committedText } from '../commit-block/committed-text.ts';
import type { ChunkStep } from '../contracts/batch/states.ts';
import type { StepState } from '../contracts/generation.ts';
import { wantedBatch } from '../shared/batches/batch-store.ts';
import { getPlan } from '../shared/batches/chunk-store.ts';

/**
 * Between two blocks of a chunk: ends lanes at the stop texts of their rows, and all of it where nobody wants the batch any
 * more.
 */
export async function commitChunk({ tenant, batch, chunk, step }: ChunkStep, tokenizer: Tokenizer): Promise<StepState> {
  await wantedBatch(tenant, batch);
  const { generation } = step;
  // A block that goes on in another execution has no text yet; nor have candidates.
  if (!chunk.stops || generation.step > 0 || generation.choice) return step;
  const plan = await getPlan({ tenant, batch }, chunk.chunk);
  const stops = plan.groups[chunk.group].flatMap(({ lanes, stop }) => new Array<readonly string[]>(lanes).fill(stop));
  const ended = await endAt(generation, stops, tokenizer);
  return { ...step, generation: ended, calls: callsOf(ended) };
}

async function endAt(
  generation: Generation,
  stops: readonly (readonly string[])[],
  tokenizer: Tokenizer,
): Promise<Generation> {
  const lanes = generation.lanes.map(async (lane, index) => {
    if (lane.done || stops[index].length === 0) return lane;
    const { ended } = await committedText(generation, lane, stops[index], tokenizer);
    return ended ? { ...lane, done: true } : lane;
  });
  return { ...generation, lanes: await Promise.all(lanes) };
}
