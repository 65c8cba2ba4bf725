import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { loadServedTokenizer } from '../../models/checkpoint/served-model.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import { finishSchema } from '../contracts/generation.ts';
import { setting } from '../shared/environment.ts';
import { lambdaHandler, metrics } from '../shared/lambda.ts';
import { finish } from './finish.ts';

let tokenizer: Promise<Tokenizer> | undefined;

export const handler = lambdaHandler(finishSchema, async ({ generation }) => {
  tokenizer ??= loadServedTokenizer(setting('SLINGSHOT_MODEL_DIRECTORY'));
  const finished = await finish(generation, await tokenizer);
  for (const { tokens, steps } of finished.lanes) {
    metrics.addMetric('GeneratedTokens', MetricUnit.Count, tokens);
    metrics.addMetric('DenoiseSteps', MetricUnit.Count, steps);
  }
  return finished;
});
