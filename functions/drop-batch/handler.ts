import { createHash } from 'node:crypto';
import * as z from 'zod';
import { type TenantRecord, tenantNameSchema, tenantsPartition } from '../contracts/tenant.ts';
import { dropFolder } from '../shared/batches/batch-paths.ts';
import { startExecution } from '../shared/batches/start-batch.ts';
import { lambdaHandler, logger } from '../shared/lambda.ts';
import { servicePartition } from '../shared/table/service-partition.ts';

/** S3's event of a new object, from EventBridge, which may come more than once. */
const createdSchema = z.looseObject({
  detail: z.looseObject({
    object: z.looseObject({
      key: z.string().min(1),
      etag: z.string().default(''),
      /** Of each write of a key another. */
      sequencer: z.string().default(''),
    }),
  }),
});

/** A file in a tenant's folder, with no folders in that and nothing in its name that steps out. */
const droppedKey = /^tenants\/([^/]+)\/batches\/in\/[^/]+\.jsonl(\.gz)?$/;

/** A file that was dropped is a batch with the usual settings; the same event again is the same batch. */
export const handler = lambdaHandler(createdSchema, async ({ detail: { object } }): Promise<void> => {
  const { key, etag, sequencer } = object;
  const tenant = tenantNameSchema.safeParse(droppedKey.exec(key)?.[1]);
  if (!tenant.success || !key.startsWith(`${dropFolder(tenant.data)}/`)) {
    logger.warn('no file of rows', { key: key.slice(0, 200) });
    return;
  }
  const found = await servicePartition(tenantsPartition).get<TenantRecord>(tenant.data);
  if (found?.status !== 'active') {
    logger.warn('a file of no tenant that there is', { tenant: tenant.data });
    return;
  }
  const digest = createHash('sha256').update([key, etag, sequencer].join('\0')).digest('hex');
  const { tier, degradation } = found;
  const dropped = { key, tier, ...(degradation ? { degradation } : {}) };
  const input = { batch: `batch_${digest.slice(0, 32)}`, run: 0, dropped };
  await startExecution({ tenant: tenant.data, ...input });
});
