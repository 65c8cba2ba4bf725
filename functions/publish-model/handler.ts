import * as z from 'zod';
import { testLaneOf } from '../../models/inference/test-lane.ts';
import { deployInputSchema, type ModelRecord } from '../contracts/registered-model.ts';
import { invokeModel } from '../invoke-model/invoke-model.ts';
import { ownerMark } from '../invoke-model/owner-mark.ts';
import { sharedTransport } from '../invoke-model/transport.ts';
import { loadDeployment } from '../prepare/load-deployment.ts';
import { causeMessage } from '../shared/cause-message.ts';
import { InvalidModel } from '../shared/errors.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { archiveKey, removeStoredModel } from '../shared/models/model-store.ts';
import { changeModel, getModel, startServing } from '../shared/models/registered.ts';

const eventSchema = deployInputSchema
  .unwrap()
  .extend({ error: z.object({ Error: z.string(), Cause: z.string().default('') }).nullish() })
  .readonly();

/** Puts down what became of a model: it answers, and serves from now on; or it failed, or is retired. */
export const handler = lambdaHandler(eventSchema, async ({ tenant, id, act, error }) => {
  // One that serves no more needs no archive to be read again from.
  if (error || act === 'retire') await removeStoredModel(archiveKey(tenant, id));
  if (error) {
    const message = causeMessage(error.Cause) || error.Error;
    await changeModel(tenant, id, { status: 'failed', error: { code: error.Error, message } });
    return { status: 'failed' };
  }
  if (act === 'retire') {
    await changeModel(tenant, id, { status: 'retired' });
    return { status: 'retired' };
  }
  const record = await getModel(tenant, id);
  if (!record?.endpoint) throw new InvalidModel(`model ${id}: there is none, or it was never validated`);
  await testAnswer(tenant, { ...record, endpoint: record.endpoint });
  await startServing(tenant, { id, share: record.share, endpoint: record.endpoint });
  await changeModel(tenant, id, { status: 'ready' });
  return { status: 'ready' };
});

/** @throws EndpointUnavailable, EndpointTimeout, EndpointRejected, BadAnswer */
async function testAnswer(
  tenant: string,
  { id, kind, endpoint }: ModelRecord & Required<Pick<ModelRecord, 'endpoint'>>,
): Promise<void> {
  const { config, tokenizer, kept } = await loadDeployment();
  const lane = await testLaneOf(kind ?? 'ssd2', tokenizer);
  const asked = { ...config, kept: Math.min(kept, config.vocabulary) };
  await invokeModel(endpoint, ownerMark({ tenant, id }), [lane], asked, sharedTransport());
}
