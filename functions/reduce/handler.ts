import { callsOf } from '../../models/ssd2/generation.ts';
import { reductionSchema, type StepState } from '../contracts/generation.ts';
import { loadEnvelopes, storeEnvelopes } from '../shared/envelope-store.ts';
import { mustReturn } from '../shared/express-time.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { keepReports } from '../shared/report-store.ts';
import { reduce } from './reduce.ts';

export const handler = lambdaHandler(
  reductionSchema,
  async ({ run, generation, answers, startedAt }): Promise<StepState> => {
    const loaded = await Promise.all(
      answers.map(async ({ answer, ...rest }) => ({ ...rest, answer: await loadEnvelopes(answer) })),
    );
    const { reports, blockDone, previous, ...reduced } = reduce(generation, loaded);
    // An answer that goes on as self-conditioning goes on as it came.
    const received = new Map(loaded.map(({ answer }, index) => [answer, answers[index].answer]));
    const stored = previous.map(
      (envelopes) => envelopes && (received.get(envelopes) ?? storeEnvelopes(run, envelopes)),
    );
    const [messages] = await Promise.all([Promise.all(stored), keepReports(run, reports)]);
    return {
      generation: reduced.generation,
      calls: callsOf(reduced.generation),
      previous: messages,
      turn: blockDone || mustReturn(startedAt) ? 'return' : 'continue',
    };
  },
);
