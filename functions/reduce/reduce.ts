import { membersAt } from '../../models/ssd2/decoding.ts';
import { type Generation, type LaneEnvelopes, reduceLanes, type Step } from '../../models/ssd2/generation.ts';
import type { Endpoint } from '../../models/ssd2/routing.ts';
import type { Milliseconds, StepMessage } from '../contracts/generation.ts';

/** What a member answered. */
export interface MemberAnswer {
  readonly member: string;
  readonly endpoint: Endpoint;
  readonly answer: LaneEnvelopes;
  readonly milliseconds: Milliseconds;
}

export interface Reduction extends Step {
  /** Whether a block ended with this step. */
  readonly blockDone: boolean;
  readonly reports: readonly StepMessage[];
}

/**
 * One denoise step's end: merged logits, projected tokens, and what comes next.
 *
 * @param detailed whether reports are to say who decided at each position
 */
export function reduce(generation: Generation, answers: readonly MemberAnswer[], detailed = false): Reduction {
  const started = performance.now();
  const byMember = new Map(answers.map(({ member, answer }) => [member, answer]));
  const { generation: next, merged, blockDone, reports } = reduceLanes(generation, byMember, detailed);
  const own = generation.decoding.selfConditioning === 'own' && !blockDone;
  const routes = Object.fromEntries(answers.map(({ member, endpoint }) => [member, endpoint]));
  const milliseconds = {
    ...Object.fromEntries(answers.map((answer) => [answer.member, answer.milliseconds])),
    reduce: { total: performance.now() - started },
  };
  return {
    generation: next,
    previous: own
      ? membersAt(generation.decoding, generation.block).map(({ name }) => byMember.get(name) ?? null)
      : [merged],
    blockDone,
    reports: reports.map((report) => ({ ...report, routes, milliseconds })),
  };
}
