import type { LogitsEnvelope } from '../../models/ssd2/envelope.ts';
import type { BlockState, Decoding, MemberCall } from '../../models/ssd2/step.ts';
import type { Milliseconds, StepMessage } from '../contracts/generation.ts';
import { type LoadedGeneration, reduce } from '../reduce/reduce.ts';

/** Asks one member for its logits at one step. */
export type Ask = (
  call: MemberCall,
  decoding: Decoding,
  state: BlockState,
  context: readonly number[],
) => Promise<{ envelope: LogitsEnvelope; milliseconds: Milliseconds }>;

/** Several denoise steps of a block in one go: the same calls and reductions that the state machine makes one by one. */
export async function denoiseVisit(
  generation: LoadedGeneration,
  elapsedMilliseconds: () => number,
  ask: Ask,
): Promise<LoadedGeneration> {
  let current = generation;
  const reports: StepMessage[] = [];
  do {
    const { calls, decoding, state, progress } = current;
    const answers = await Promise.all(
      calls.map(
        async (call) => [call.member, await ask(call, decoding, state, progress.contexts[call.member])] as const,
      ),
    );
    current = reduce(current, Object.fromEntries(answers), elapsedMilliseconds());
    reports.push(...current.reports);
  } while (current.turn === 'continue' && reports.length < current.visit);
  return { ...current, reports };
}
