import type { LogitsEnvelope } from '../../models/ssd2/envelope.ts';
import { type Call, callsOf, type LaneEnvelopes, laneSteps, type Step } from '../../models/ssd2/generation.ts';
import type { LaneStep } from '../../models/ssd2/step.ts';
import type { Milliseconds, StepMessage } from '../contracts/generation.ts';
import { reduce } from '../reduce/reduce.ts';

/** Asks one member for the logits of a call's lanes at one step. */
export type Ask = (
  call: Call,
  lanes: readonly LaneStep[],
) => Promise<{ readonly envelopes: readonly LogitsEnvelope[]; readonly milliseconds: Milliseconds }>;

/** What each member sees before the text that is generated, in token ids: by a call's `context`, then by lane. */
export type Contexts = readonly (readonly (readonly number[])[])[];

export interface Visit extends Step {
  /** Whether a block ended with the last step. */
  readonly blockDone: boolean;
  readonly reports: readonly StepMessage[];
}

/**
 * Several denoise steps of a block in one go: the same calls and reductions that the state machine makes one by one.
 *
 * @param goOn asked after each step but a block's last, with the number of steps made
 * @param detailed whether reports are to say who decided at each position
 */
export async function denoiseVisit(
  start: Step,
  contexts: Contexts,
  ask: Ask,
  goOn: (steps: number) => boolean | Promise<boolean>,
  detailed = false,
): Promise<Visit> {
  let current: Step = start;
  const reports: StepMessage[] = [];
  for (let steps = 1; ; steps++) {
    const { generation, previous } = current;
    const answers = await Promise.all(
      callsOf(generation).map(async (call) => {
        const lanes = laneSteps(generation, call, contexts[call.context], previous[call.previous]);
        const { envelopes, milliseconds } = await ask(call, lanes);
        const answer: LaneEnvelopes = { lanes: call.lanes, envelopes };
        return { member: call.member, endpoint: call.endpoint, answer, milliseconds };
      }),
    );
    const { reports: made, blockDone, ...next } = reduce(generation, answers, detailed);
    reports.push(...made);
    if (blockDone || !(await goOn(steps))) return { ...next, blockDone, reports };
    current = next;
  }
}
