import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { ApiModelVersion } from '../contracts/api/models.ts';
import { ApiError } from '../contracts/problem.ts';
import { type ModelRecord, modelKey } from '../contracts/registered-model.ts';
import { connections } from '../shared/connections.ts';
import { setting } from '../shared/environment.ts';
import { newModel } from '../shared/models/new-model.ts';
import { getModel } from '../shared/models/registered.ts';
import { TenantTable } from '../shared/table/tenant-table.ts';
import type { HandlerOf } from './http.ts';
import { secondsOf } from './openai-form.ts';
import { receivedUpload } from './upload-routes.ts';

let client: SFNClient | undefined;

export const createdModel: HandlerOf<'createModel'> = async ({ caller: { tenant }, body: { upload, share } }) => {
  const { key } = await receivedUpload(tenant, upload, 'model');
  const { record, input } = newModel(
    tenant,
    { upload: key, share },
    { prefix: setting('SLINGSHOT_PREFIX'), endpoints: setting('SLINGSHOT_TENANT_ENDPOINTS') },
  );
  await TenantTable.of(tenant).put(modelKey(record.id), record);
  client ??= new SFNClient({ requestHandler: connections });
  await client.send(
    new StartExecutionCommand({
      stateMachineArn: setting('SLINGSHOT_DEPLOY_MODEL_ARN'),
      name: record.id,
      input: JSON.stringify(input),
    }),
  );
  return { status: 202, headers: { location: `/v1/models/${record.id}` }, body: versionOf(record) };
};

export const gotModel: HandlerOf<'getModel'> = async ({ caller: { tenant }, params: { id } }) => {
  const record = await getModel(tenant, id);
  if (!record) throw new ApiError('not_found', `there is no model ${id}`, { param: 'id' });
  return { status: 200, body: versionOf(record) };
};

function versionOf({ id, status, createdAt, kind, bytes, endpoint, error }: ModelRecord): ApiModelVersion {
  return {
    ...{ id, object: 'model.version', status, created: secondsOf(createdAt) },
    ...{ kind: kind ?? null, bytes: bytes ?? null, version: endpoint?.version ?? null },
    error: error ? { code: error.code, message: error.message } : null,
  };
}
