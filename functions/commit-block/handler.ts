import { loadServedTokenizer } from '../../models/checkpoint/served-model.ts';
import { callsOf } from '../../models/ssd2/generation.ts';
import type { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import { type StepState, stateSchema } from '../contracts/generation.ts';
import { degradedText } from '../shared/degradation/degraded-text.ts';
import { setting } from '../shared/environment.ts';
import { putCommitEvent } from '../shared/generations/event-store.ts';
import { recordProgress } from '../shared/generations/record-store.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { checkWanted } from '../shared/ledger.ts';
import { commitBlock } from './commit-block.ts';

let tokenizer: Promise<Tokenizer> | undefined;

const commitSchema = stateSchema.unwrap().pick({ run: true, step: true }).readonly();

/**
 * Puts a block's text down where callers see it. A block that goes on in another execution has none yet; nor have
 * candidates, before one of them is chosen.
 */
export const handler = lambdaHandler(commitSchema, async ({ run, step }): Promise<StepState> => {
  const { tenant, id, stop, recorded } = run;
  if (!recorded || tenant === null || step.generation.step > 0 || step.generation.choice) return step;
  tokenizer ??= loadServedTokenizer(setting('SLINGSHOT_MODEL_DIRECTORY'));
  const [{ generation, lanes, added }, ledger] = await Promise.all([
    commitBlock(step.generation, stop, await tokenizer),
    checkWanted(run, step.ledger),
  ]);
  const degraded = ledger.degraded && degradedText(ledger.degraded, lanes, generation.decoding);
  await Promise.all([
    recordProgress(tenant, id, { lanes, spent: ledger.spent, degraded }),
    putCommitEvent(tenant, id, generation.decoding, { block: generation.block - 1, lanes: added, degraded }),
  ]);
  return { ...step, generation, calls: callsOf(generation), ledger };
});
