import { tableArn } from '../references.ts';
import type { Identities } from './identities.ts';
import { Refused, type SignedRequest } from './signature.ts';

const leadingKeys = 'dynamodb:LeadingKeys';
/** The partition key's name in the service's table. */
const partitionKey = 'pk';

type Attributes = Readonly<Record<string, { readonly S?: string }>>;
type Json = Readonly<Record<string, unknown>>;

/**
 * Lets a request to DynamoDB pass only if its signature is right and IAM would allow it to whoever signed it.
 *
 * @throws Refused
 */
export function guardTable(identities: Identities, request: SignedRequest): void {
  const principal = identities.authenticate(request, 'dynamodb');
  if (principal.kind === 'operator') return;
  const action = /^DynamoDB_20120810\.(\w+)$/.exec(String(request.headers['x-amz-target']))?.[1];
  if (!action) throw new Refused('UnknownOperationException', 'no operation of DynamoDB', 400);
  const body = parse(request.body ?? new Uint8Array(0));
  const resources = tablesOf(body).map(tableArn);
  const keys = keysOf(action, body);
  identities.authorise(principal, `dynamodb:${action}`, resources, keys === undefined ? {} : { [leadingKeys]: keys });
}

function parse(body: Uint8Array): Json {
  try {
    const json: unknown = JSON.parse(Buffer.from(body).toString());
    if (typeof json === 'object' && json !== null) return json as Json;
  } catch {}
  throw new Refused('SerializationException', '', 400);
}

function tablesOf(body: Json): string[] {
  const { TableName, RequestItems, IndexName } = body;
  const several = RequestItems && typeof RequestItems === 'object' ? Object.keys(RequestItems) : [];
  // An index is a resource of its own.
  const suffix = IndexName === undefined ? '' : `/index/${IndexName}`;
  return [...(typeof TableName === 'string' ? [TableName + suffix] : []), ...several];
}

/** The partition keys that a request touches; undefined where it names none, as a scan. */
function keysOf(action: string, body: Json): string[] | undefined {
  switch (action) {
    case 'GetItem':
    case 'DeleteItem':
    case 'UpdateItem':
      return [keyOf(body.Key as Attributes)];
    case 'PutItem':
      return [keyOf(body.Item as Attributes)];
    case 'Query': {
      const key = queriedKey(body);
      return key === undefined ? undefined : [key];
    }
    case 'BatchGetItem':
      return Object.values((body.RequestItems ?? {}) as Record<string, { Keys?: Attributes[] }>).flatMap(
        ({ Keys = [] }) => Keys.map(keyOf),
      );
    case 'BatchWriteItem':
      return Object.values((body.RequestItems ?? {}) as Record<string, Write[]>).flatMap((writes) =>
        writes.map(({ PutRequest, DeleteRequest }) => keyOf((PutRequest?.Item ?? DeleteRequest?.Key) as Attributes)),
      );
    default:
      return undefined;
  }
}

interface Write {
  readonly PutRequest?: { readonly Item?: Attributes };
  readonly DeleteRequest?: { readonly Key?: Attributes };
}

/** What no tenant's key is, so that a request without one is refused. */
const none = '';

function keyOf(attributes: Attributes | undefined): string {
  const { S } = attributes?.[partitionKey] ?? {};
  return typeof S === 'string' ? S : none;
}

function queriedKey(body: Json): string | undefined {
  const { KeyConditions, KeyConditionExpression, ExpressionAttributeNames, ExpressionAttributeValues } = body;
  if (KeyConditions !== undefined || typeof KeyConditionExpression !== 'string') return undefined;
  const names = (ExpressionAttributeNames ?? {}) as Record<string, string>;
  const values = (ExpressionAttributeValues ?? {}) as Attributes;
  const equalities = [...KeyConditionExpression.matchAll(/([#\w.-]+)\s*=\s*(:\w+)/g)].filter(
    ([, name]) => (Object.hasOwn(names, name) ? names[name] : name) === partitionKey,
  );
  // Anything else that an expression may say of the key is not understood, and so refused.
  if (equalities.length !== 1) return undefined;
  return values[equalities[0][2]]?.S;
}
