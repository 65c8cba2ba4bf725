import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { type ModelAnswer, modelCallSchema } from '../contracts/generation.ts';
import { loadState, storeEnvelope } from '../shared/envelope-store.ts';
import { setting } from '../shared/environment.ts';
import { lambdaHandler, metrics } from '../shared/lambda.ts';
import { invokeModel, sageMakerTransport, type Transport } from './invoke-model.ts';

let transport: Transport | undefined;

export const handler = lambdaHandler(
  modelCallSchema,
  async ({ call, decoding, contexts, state }): Promise<ModelAnswer> => {
    transport ??= sageMakerTransport(setting('SLINGSHOT_ENDPOINT_TIMEOUT_MS'));
    const block = await loadState(state);
    const { envelope, milliseconds } = await invokeModel(call, decoding, block, contexts[call.member], transport);
    metrics.addMetric('ModelMilliseconds', MetricUnit.Milliseconds, milliseconds.model);
    return { member: call.member, envelope: await storeEnvelope(envelope), milliseconds };
  },
);
