import type { LogitsEnvelope } from './envelope.ts';
import type { LaneStep, MemberCall, StepReport } from './step.ts';
import { type BlockState, type Decoding, laneStep, memberCalls, reduceStep, startBlock } from './step.ts';

/** Asks one member for its logits. */
export type Invoke = (call: MemberCall, lane: LaneStep) => Promise<LogitsEnvelope>;

/** What each member sees before the block, in token ids, by member name. */
export type Contexts = Readonly<Record<string, readonly number[]>>;

/** A generation between two blocks. */
export interface Progress {
  readonly contexts: Contexts;
  readonly generated: readonly number[];
  readonly blocks: number;
  readonly done: boolean;
}

/** Appends a finished block: its tokens are the argmax of the last merged logits. Ends at end-of-text or `tokens`. */
export function appendBlock(progress: Progress, block: readonly number[], tokens: number, endOfText: number): Progress {
  const end = block.indexOf(endOfText);
  const fresh = end < 0 ? block : block.slice(0, end);
  const generated = [...progress.generated, ...fresh].slice(0, tokens);
  return {
    contexts: Object.fromEntries(Object.entries(progress.contexts).map(([name, ids]) => [name, [...ids, ...block]])),
    generated,
    blocks: progress.blocks + 1,
    done: end >= 0 || generated.length >= tokens,
  };
}

/** Block after block, left to right, each step after step, in one process (semi-autoregressive decoding). */
export async function decode(
  decoding: Decoding,
  contexts: Contexts,
  tokens: number,
  endOfText: number,
  invoke: Invoke,
  onStep: (report: StepReport, block: number) => void = () => {},
): Promise<Progress & { steps: number }> {
  let progress: Progress = { contexts, generated: [], blocks: 0, done: false };
  let steps = 0;
  while (!progress.done) {
    const state = await denoise(decoding, progress, invoke, onStep);
    steps += state.step;
    progress = appendBlock(progress, state.argmax, tokens, endOfText);
  }
  return { ...progress, steps };
}

async function denoise(
  decoding: Decoding,
  { contexts, blocks }: Progress,
  invoke: Invoke,
  onStep: (report: StepReport, block: number) => void,
): Promise<BlockState> {
  let state = startBlock(blocks);
  while (!state.done) {
    const current = state;
    const answers = await Promise.all(
      memberCalls(decoding, current).map(async (call) => {
        const lane = laneStep(decoding, current, call.member, contexts[call.member]);
        return [call.member, await invoke(call, lane)] as const;
      }),
    );
    const reduced = reduceStep(decoding, current, Object.fromEntries(answers));
    onStep(reduced.report, blocks);
    state = reduced.state;
  }
  return state;
}
