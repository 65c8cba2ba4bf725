import type { Generation } from '../../models/ssd2/generation.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import type { CommittedLane, RecordedLane } from '../contracts/generation-record.ts';
import { type CommittedText, committedText } from './committed-text.ts';

export interface Commit {
  /** With lanes done that have reached a stop text. */
  readonly generation: Generation;
  readonly lanes: readonly RecordedLane[];
  /** What the block that ended adds to the lanes that were not done before it. */
  readonly added: readonly CommittedLane[];
}

/** What the end of a block means for texts. */
export async function commitBlock(
  generation: Generation,
  stop: readonly string[],
  tokenizer: Tokenizer,
): Promise<Commit> {
  const { block } = generation.decoding;
  const longest = Math.max(...generation.lanes.map(({ committed }) => committed.length));
  const texts = await Promise.all(generation.lanes.map((lane) => committedText(generation, lane, stop, tokenizer)));
  const added: CommittedLane[] = [];
  for (const [index, lane] of generation.lanes.entries()) {
    // A lane that was done before this block has fewer.
    if (lane.committed.length < longest) continue;
    const before = { ...lane, committed: lane.committed.slice(0, -block), done: false };
    const shown = await committedText(generation, before, stop, tokenizer);
    const { text, tokens, finish } = texts[index];
    added.push({
      lane: index,
      text: text.slice(shown.text.length),
      tokens: Math.max(0, tokens - shown.tokens),
      finish,
    });
  }
  return {
    generation: {
      ...generation,
      lanes: generation.lanes.map((lane, index) => (texts[index].ended ? { ...lane, done: true } : lane)),
    },
    lanes: texts.map(recorded),
    added,
  };
}

function recorded({ ended, ...lane }: CommittedText): RecordedLane {
  return lane;
}
