import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { laneSteps } from '../../models/ssd2/generation.ts';
import { isBackground, type ModelAnswer, modelCallSchema } from '../contracts/generation.ts';
import { loadContexts } from '../shared/context-store.ts';
import { inlineLimit, loadEnvelopes, storeEnvelopes } from '../shared/envelope-store.ts';
import { lambdaHandler, metrics } from '../shared/lambda.ts';
import { checkWanted } from '../shared/ledger.ts';
import { invokeModel } from './invoke-model.ts';
import { ownerMark } from './owner-mark.ts';
import { sharedTransport } from './transport.ts';

export const handler = lambdaHandler(
  modelCallSchema,
  async ({ run, call, generation, prompts, contexts, previous, checkedAt }): Promise<ModelAnswer> => {
    const [seen, conditioning] = await Promise.all([
      loadContexts(run.tenant, prompts, contexts),
      previous && loadEnvelopes(run.tenant, previous),
      checkWanted(run, { checkedAt }),
    ]);
    const lanes = laneSteps(generation, call, seen, conditioning);
    const { envelopes, milliseconds } = await invokeModel(
      call.endpoint,
      ownerMark(run),
      lanes,
      generation.decoding,
      sharedTransport(),
      isBackground(run),
    );
    metrics.addMetric('ModelMilliseconds', MetricUnit.Milliseconds, milliseconds.model);
    const answer = await storeEnvelopes(run, { lanes: call.lanes, envelopes }, inlineLimit(generation));
    return { member: call.member, endpoint: call.endpoint, answer, milliseconds };
  },
);
