import { appendBlock } from '../../models/ssd2/decode.ts';
import type { LogitsEnvelope } from '../../models/ssd2/envelope.ts';
import { type BlockState, memberCalls, reduceStep, startBlock } from '../../models/ssd2/step.ts';
import type { Generation, Milliseconds, StepMessage } from '../contracts/generation.ts';

/** A generation whose block state has its envelopes at hand. */
export type LoadedGeneration = Omit<Generation, 'state'> & { readonly state: BlockState };

/** An Express execution ends after five minutes: a block that takes longer goes on in another. */
const executionMilliseconds = 200_000;

/**
 * One denoise step's end: merged logits, projected tokens, and what comes next. When the block is done it joins the
 * text, and the state becomes the next block's first.
 */
export function reduce(
  generation: LoadedGeneration,
  answers: Readonly<Record<string, { envelope: LogitsEnvelope; milliseconds: Milliseconds }>>,
  elapsedMilliseconds: number,
): LoadedGeneration {
  const started = performance.now();
  const { decoding } = generation;
  const envelopes = Object.fromEntries(Object.entries(answers).map(([name, { envelope }]) => [name, envelope]));
  const { state, report } = reduceStep(decoding, generation.state, envelopes);
  const progress = state.done
    ? appendBlock(generation.progress, state.argmax, generation.tokens, generation.endOfText)
    : generation.progress;
  const next = state.done ? startBlock(state.index + 1) : state;
  const milliseconds: StepMessage['milliseconds'] = Object.fromEntries(
    Object.entries(answers).map(([name, answer]) => [name, answer.milliseconds]),
  );
  const message: StepMessage = {
    ...report,
    block: state.index,
    tokens: [...report.tokens],
    changed: [...report.changed],
    routes: Object.fromEntries(generation.calls.map(({ member, endpoint }) => [member, endpoint])),
    milliseconds: { ...milliseconds, reduce: { total: performance.now() - started } },
  };
  return {
    ...generation,
    progress: {
      ...progress,
      contexts: Object.fromEntries(Object.entries(progress.contexts).map(([name, ids]) => [name, [...ids]])),
      generated: [...progress.generated],
    },
    stepsRun: generation.stepsRun + 1,
    state: next,
    calls: progress.done ? [] : memberCalls(decoding, next),
    turn: state.done || elapsedMilliseconds > executionMilliseconds ? 'return' : 'continue',
    reports: [message],
  };
}
