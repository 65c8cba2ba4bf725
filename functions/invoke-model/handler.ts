import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { type ModelAnswer, modelCallSchema } from '../contracts/generation.ts';
import { loadState, storeEnvelope } from '../shared/envelope-store.ts';
import { lambdaHandler, metrics } from '../shared/lambda.ts';
import { invokeModel, sharedTransport } from './invoke-model.ts';

export const handler = lambdaHandler(
  modelCallSchema,
  async ({ call, decoding, contexts, state }): Promise<ModelAnswer> => {
    const block = await loadState(state);
    const { envelope, milliseconds } = await invokeModel(
      call,
      decoding,
      block,
      contexts[call.member],
      sharedTransport(),
    );
    metrics.addMetric('ModelMilliseconds', MetricUnit.Milliseconds, milliseconds.model);
    return { member: call.member, envelope: await storeEnvelope(envelope), milliseconds };
  },
);
