import { settlementSchema } from '../contracts/settlement.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { settleBlock } from './settle-block.ts';

export const handler = lambdaHandler(settlementSchema, async ({ block, redrives }) => settleBlock(block, redrives));
