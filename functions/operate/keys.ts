import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { HandlerOf } from '../api/http.ts';
import { secondsOf } from '../api/openai-form.ts';
import type { ApiKeyInfo } from '../contracts/api/keys.ts';
import type { Caller } from '../contracts/caller.ts';
import { ApiError } from '../contracts/problem.ts';
import { connections } from '../shared/connections.ts';
import { setting } from '../shared/environment.ts';
import { addKey, disableKey, type KeyInfo, listKeys } from '../shared/keys/key-store.ts';
import type { Operating } from '../shared/operating.ts';

let client: DynamoDBDocumentClient | undefined;

/** With the function's own rights, in the name of the key that asks. */
function operating({ keyId }: Caller): Operating {
  client ??= DynamoDBDocumentClient.from(new DynamoDBClient({ requestHandler: connections }), {
    marshallOptions: { removeUndefinedValues: true },
  });
  return { table: { client, name: setting('SLINGSHOT_TABLE') }, actor: `key ${keyId}` };
}

export const listedKeys: HandlerOf<'listKeys'> = async ({ caller }) => {
  const keys = await listKeys(operating(caller), caller.tenant);
  return { status: 200, body: { object: 'list', data: keys.map(told) } };
};

export const createdKey: HandlerOf<'createKey'> = async ({
  caller,
  body: { scopes, label, expires_after: seconds },
}) => {
  const { key, ...made } = await addKey(operating(caller), caller.tenant, {
    scopes,
    ...(label === undefined ? {} : { label }),
    ...(seconds === undefined ? {} : { validUntil: Math.floor(Date.now() / 1000) + seconds }),
  });
  return { status: 201, body: { ...told(made), key } };
};

export const disabledKey: HandlerOf<'disableKey'> = async ({ caller, params: { id } }) => {
  const as = operating(caller);
  const own = await listKeys(as, caller.tenant);
  // What is another tenant's is told as what never was.
  if (!own.some((key) => key.id === id)) {
    throw new ApiError('not_found', `there is no key ${JSON.stringify(id)}`, { param: 'id' });
  }
  return { status: 200, body: told(await disableKey(as, id, true)) };
};

function told({ id, scopes, label, disabled, createdAt, validUntil }: KeyInfo): ApiKeyInfo {
  return {
    ...{ id, object: 'key', scopes: [...scopes], label: label ?? null, disabled },
    ...{ created: secondsOf(createdAt), expires: validUntil ?? null },
  };
}
