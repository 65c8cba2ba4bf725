import { callsOf, type LaneEnvelopes, type Step } from '../../models/ssd2/generation.ts';
import type { LaneEnvelopesMessage, Ledger, Run, StepState } from '../contracts/generation.ts';
import { inlineLimit, storeEnvelopes } from './envelope-store.ts';
import { mustReturn } from './express-time.ts';

/**
 * What passes to the next step. A block that must go on in another execution takes its envelopes along by reference,
 * since they would be twice in the answer of this one: in its input and in its output.
 *
 * @param startedAt of the block's execution, ISO 8601
 * @param known the messages that some of the envelopes came in: they go on as they are
 */
export async function stepState(
  run: Run,
  { generation, previous, blockDone }: Step & { readonly blockDone: boolean },
  startedAt: string,
  ledger: Ledger,
  known: ReadonlyMap<LaneEnvelopes, LaneEnvelopesMessage> = new Map(),
): Promise<StepState> {
  const turn = blockDone || mustReturn(startedAt) ? 'return' : 'continue';
  const store = (envelopes: LaneEnvelopes) =>
    turn === 'return'
      ? storeEnvelopes(run, envelopes, 0)
      : (known.get(envelopes) ?? storeEnvelopes(run, envelopes, inlineLimit(generation)));
  return {
    generation,
    calls: callsOf(generation),
    previous: await Promise.all(previous.map((envelopes) => envelopes && store(envelopes))),
    turn,
    ledger,
  };
}
