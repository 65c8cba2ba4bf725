import { reductionSchema, type StepState } from '../contracts/generation.ts';
import { loadEnvelopes } from '../shared/envelope-store.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { checkWanted, withCosts } from '../shared/ledger.ts';
import { observeSteps } from '../shared/observe.ts';
import { keepReports } from '../shared/report-store.ts';
import { stepState } from '../shared/step-state.ts';
import { reduce } from './reduce.ts';

export const handler = lambdaHandler(
  reductionSchema,
  async ({ run, generation, answers, startedAt, ledger }): Promise<StepState> => {
    const [checked, loaded] = await Promise.all([
      checkWanted(run, ledger),
      Promise.all(
        answers.map(async ({ answer, ...rest }) => ({ ...rest, answer: await loadEnvelopes(run.tenant, answer) })),
      ),
    ]);
    const { reports, ...reduced } = reduce(generation, loaded, run.detailed);
    observeSteps(reports, reduced.generation.block);
    const received = new Map(loaded.map(({ answer }, index) => [answer, answers[index].answer]));
    const [state] = await Promise.all([
      stepState(run, reduced, startedAt, withCosts(checked, reports), received),
      keepReports(run, generation.decoding, reports),
    ]);
    return state;
  },
);
