import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { loadTokenizer } from '../../models/checkpoint/model-directory.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import { generationSchema } from '../contracts/generation.ts';
import { setting } from '../shared/environment.ts';
import { lambdaHandler, metrics } from '../shared/lambda.ts';
import { finish } from './finish.ts';

let tokenizer: Promise<Tokenizer> | undefined;

export const handler = lambdaHandler(generationSchema, async (generation) => {
  tokenizer ??= loadTokenizer(setting('SLINGSHOT_MODEL_DIRECTORY'));
  const result = await finish(generation, await tokenizer);
  metrics.addMetric('GeneratedTokens', MetricUnit.Count, result.tokens);
  metrics.addMetric('DenoiseSteps', MetricUnit.Count, result.steps);
  return result;
});
