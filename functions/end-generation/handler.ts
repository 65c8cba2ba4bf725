import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import * as z from 'zod';
import { batchInputSchema } from '../contracts/batch/states.ts';
import { serviceInputSchema } from '../contracts/request.ts';
import { connections } from '../shared/connections.ts';
import { endGeneration } from '../shared/generations/end-generation.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { endBatch } from './end-batch.ts';
import { endOf } from './end-of.ts';

/** Step Functions' event of an execution that ended, from EventBridge, which may come more than once. */
const statusChangeSchema = z.looseObject({ detail: z.looseObject({ executionArn: z.string() }) });

let client: SFNClient | undefined;

/** Puts down how a generation, or a batch, ended that did not reach its own end. */
export const handler = lambdaHandler(statusChangeSchema, async ({ detail: { executionArn } }): Promise<void> => {
  client ??= new SFNClient({
    requestHandler: connections,
    disableHostPrefix: process.env.AWS_ENDPOINT_URL_SFN !== undefined,
  });
  const { status = '', input = '{}', error, cause } = await client.send(new DescribeExecutionCommand({ executionArn }));
  if (status === 'RUNNING') return;
  const batch = batchInputSchema.safeParse(JSON.parse(input));
  if (batch.success) return endBatch(batch.data, { status, error, cause });
  const service = serviceInputSchema.safeParse(JSON.parse(input));
  // An operator's own execution has no record.
  if (!service.success) return;
  const { tenant, generation } = service.data;
  await endGeneration(tenant, generation, endOf({ status, error, cause }));
});
