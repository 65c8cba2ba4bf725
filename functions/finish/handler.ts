import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { loadServedTokenizer } from '../../models/checkpoint/served-model.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import { finishSchema } from '../contracts/generation.ts';
import { setting } from '../shared/environment.ts';
import { endGeneration } from '../shared/generations/end-generation.ts';
import { putCommitEvent } from '../shared/generations/event-store.ts';
import { lambdaHandler, metrics } from '../shared/lambda.ts';
import { finish } from './finish.ts';

let tokenizer: Promise<Tokenizer> | undefined;

export const handler = lambdaHandler(finishSchema, async ({ run, generation, ledger }) => {
  tokenizer ??= loadServedTokenizer(setting('SLINGSHOT_MODEL_DIRECTORY'));
  const finished = await finish(generation, await tokenizer, run.stop, ledger.degraded);
  for (const { tokens, steps } of finished.lanes) {
    metrics.addMetric('GeneratedTokens', MetricUnit.Count, tokens);
    metrics.addMetric('DenoiseSteps', MetricUnit.Count, steps);
  }
  const { recorded, tenant, id } = run;
  const { degraded } = finished;
  if (!recorded || tenant === null) return finished;
  const lanes = finished.lanes.map(({ text, tokens, steps, finish }) => ({ text, tokens, steps, finish }));
  if (generation.choice) {
    const added = lanes.map(({ text, tokens, finish }, lane) => ({ lane, text, tokens, finish }));
    await putCommitEvent(tenant, id, generation.decoding, { block: generation.block, lanes: added, degraded });
  }
  await endGeneration(tenant, id, { status: 'succeeded', progress: { lanes, spent: ledger.spent, degraded } });
  // The execution's history keeps its output; the text is the record's.
  return { ...finished, lanes: [] };
});
