import { isBackground, type StepState, visitSchema } from '../contracts/generation.ts';
import { invokeModel } from '../invoke-model/invoke-model.ts';
import { ownerMark } from '../invoke-model/owner-mark.ts';
import { sharedTransport } from '../invoke-model/transport.ts';
import { loadContexts } from '../shared/context-store.ts';
import { loadEnvelopes } from '../shared/envelope-store.ts';
import { setting } from '../shared/environment.ts';
import { mustReturn } from '../shared/express-time.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { checkWanted, withCosts } from '../shared/ledger.ts';
import { observeSteps } from '../shared/observe.ts';
import { keepReports } from '../shared/report-store.ts';
import { stepState } from '../shared/step-state.ts';
import { denoiseVisit } from './denoise-visit.ts';

/** What storing the state takes at most, with the function's own end. */
const closingMilliseconds = 5_000;

export const handler = lambdaHandler(
  visitSchema,
  async ({ run, prompts, contexts, step, startedAt }, lambda): Promise<StepState> => {
    const { generation } = step;
    const send = sharedTransport();
    const owner = ownerMark(run);
    const stepMilliseconds = setting('SLINGSHOT_ENDPOINT_TIMEOUT_MS') + closingMilliseconds;
    const [previous, seen] = await Promise.all([
      Promise.all(step.previous.map((message) => message && loadEnvelopes(run.tenant, message))),
      Promise.all(contexts.map((own) => loadContexts(run.tenant, prompts, own))),
    ]);
    let ledger = await checkWanted(run, step.ledger);
    const { reports, ...visited } = await denoiseVisit(
      { generation, previous },
      seen,
      (call, lanes) => invokeModel(call.endpoint, owner, lanes, generation.decoding, send, isBackground(run)),
      // The next step must be sure to end before this function is ended.
      async (steps) => {
        if (steps >= run.visit || mustReturn(startedAt)) return false;
        if (lambda.getRemainingTimeInMillis() <= stepMilliseconds) return false;
        ledger = await checkWanted(run, ledger);
        return true;
      },
      run.detailed,
    );
    observeSteps(reports, visited.generation.block);
    const [state] = await Promise.all([
      stepState(run, visited, startedAt, withCosts(ledger, reports)),
      keepReports(run, generation.decoding, reports),
    ]);
    return state;
  },
);
