import { settlementSchema } from '../contracts/settlement.ts';
import { setting } from '../shared/environment.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { settleBlock } from './settle-block.ts';

export const handler = lambdaHandler(settlementSchema, async ({ block, redrives }) =>
  settleBlock(block, redrives, setting('SLINGSHOT_WAKE_SECONDS')),
);
