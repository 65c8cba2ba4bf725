import * as dynamodb from '@aws-sdk/client-dynamodb';
import * as s3 from '@aws-sdk/client-s3';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import fc from 'fast-check';
import { actor, type Credentials, type World } from './world.ts';

/** Something that the actor tries with an SDK client, and whether it concerns its own data alone. */
export interface Act {
  readonly name: string;
  readonly own: boolean;
  /** Whether what it names is there, where it names something that is not its own. */
  readonly present: boolean;
  send(clients: Clients): Promise<unknown>;
}

export interface Clients {
  readonly table: dynamodb.DynamoDBClient;
  readonly bucket: s3.S3Client;
  readonly sts: STSClient;
}

export function clientsOf(credentials: Credentials): Clients {
  const common = { credentials, maxAttempts: 1 };
  return {
    table: new dynamodb.DynamoDBClient(common),
    bucket: new s3.S3Client({ ...common, forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' }),
    sts: new STSClient(common),
  };
}

const ownPartition = `TENANT#${actor}`;
const ownPrefix = `tenants/${actor}/`;

/** All that may be tried; a failure prints the act's name with all it names. */
export function acts(world: World): fc.Arbitrary<Act> {
  return fc.oneof(tableActs(world), tableActs(world), bucketActs(world), bucketActs(world), otherActs(world));
}

interface Place {
  readonly pk: string;
  readonly sk: string;
}

function tableActs({ store: { table: TableName }, partitions, sortKeys }: World): fc.Arbitrary<Act> {
  // Partitions like the actor's own: a prefix, a suffix, another case, a wildcard, a separator.
  const near = [
    'TENANT#',
    `${ownPartition}#`,
    `${ownPartition}*`,
    'TENANT#*',
    'tenant#ab',
    `${ownPartition} `,
    'TENANT#AB',
  ];
  const place: fc.Arbitrary<Place> = fc.record({
    pk: fc.oneof(
      fc.constant(ownPartition),
      fc.constantFrom(...partitions),
      fc.constantFrom(...near),
      fc.string({ minLength: 1 }),
    ),
    sk: fc.oneof(fc.constantFrom(...sortKeys), fc.string({ minLength: 1, maxLength: 12 })),
  });
  const key = ({ pk, sk }: Place) => ({ pk: { S: pk }, sk: { S: sk } });
  const of = (
    name: string,
    places: readonly Place[],
    command: (client: dynamodb.DynamoDBClient) => Promise<unknown>,
  ): Act => ({
    name: `${name} ${JSON.stringify(places)}`,
    own: places.every(({ pk }) => pk === ownPartition),
    present: places.every(({ pk, sk }) => [...partitions, ownPartition].includes(pk) && sortKeys.includes(sk)),
    send: ({ table }) => command(table),
  });
  const one = place.chain((at) =>
    fc.constantFrom<Act>(
      of('GetItem', [at], (client) => client.send(new dynamodb.GetItemCommand({ TableName, Key: key(at) }))),
      of('PutItem', [at], (client) =>
        client.send(new dynamodb.PutItemCommand({ TableName, Item: { ...key(at), content: { S: 'own' } } })),
      ),
      of('DeleteItem', [at], (client) => client.send(new dynamodb.DeleteItemCommand({ TableName, Key: key(at) }))),
      of('UpdateItem', [at], (client) =>
        client.send(
          new dynamodb.UpdateItemCommand({
            ...{ TableName, Key: key(at), UpdateExpression: 'SET n = :n', ReturnValues: 'ALL_OLD' },
            ExpressionAttributeValues: { ':n': { N: '1' } },
          }),
        ),
      ),
      of('conditional PutItem', [at], (client) =>
        client.send(
          new dynamodb.PutItemCommand({
            ...{
              TableName,
              Item: { ...key(at), content: { S: 'own' } },
              ConditionExpression: 'attribute_not_exists(pk)',
            },
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          }),
        ),
      ),
      of('Query', [at], (client) =>
        client.send(
          new dynamodb.QueryCommand({
            ...{ TableName, KeyConditionExpression: '#p = :p AND begins_with(sk, :s)' },
            ExpressionAttributeNames: { '#p': 'pk' },
            ExpressionAttributeValues: { ':p': { S: at.pk }, ':s': { S: at.sk.slice(0, 1) } },
          }),
        ),
      ),
    ),
  );
  const several = fc.array(place, { minLength: 1, maxLength: 4 }).chain((places) => {
    const unique = [...new Map(places.map((at) => [JSON.stringify(at), at])).values()];
    const batch = { RequestItems: { [TableName]: { Keys: unique.map(key) } } };
    const writes = unique.map((at) => ({ PutRequest: { Item: { ...key(at), content: { S: 'own' } } } }));
    return fc.constantFrom<Act>(
      of('BatchGetItem', unique, (client) => client.send(new dynamodb.BatchGetItemCommand(batch))),
      of('BatchWriteItem', unique, (client) =>
        client.send(new dynamodb.BatchWriteItemCommand({ RequestItems: { [TableName]: writes } })),
      ),
    );
  });
  /** What takes no key, or hides it, is nobody's but the operator's. */
  const refused = (name: string, command: (client: dynamodb.DynamoDBClient) => Promise<unknown>): Act => ({
    ...{ name, own: false, present: true },
    send: ({ table }) => command(table),
  });
  const query = (names: Record<string, string>, values: Record<string, string>, expression: string) =>
    refused(`Query ${expression} ${JSON.stringify([names, values])}`, (client) =>
      client.send(
        new dynamodb.QueryCommand({
          ...{ TableName, KeyConditionExpression: expression },
          ...(Object.keys(names).length > 0 ? { ExpressionAttributeNames: names } : {}),
          ExpressionAttributeValues: Object.fromEntries(Object.entries(values).map(([name, S]) => [name, { S }])),
        }),
      ),
    );
  const tricks = fc.constantFrom(...partitions).chain((pk) =>
    fc.constantFrom<Act>(
      refused('Scan', (client) => client.send(new dynamodb.ScanCommand({ TableName }))),
      refused('Scan with a filter', (client) =>
        client.send(
          new dynamodb.ScanCommand({
            ...{ TableName, FilterExpression: 'pk = :p' },
            ExpressionAttributeValues: { ':p': { S: ownPartition } },
          }),
        ),
      ),
      query({ '#a': 'sk', '#b': 'pk' }, { ':a': ownPartition, ':b': pk }, '#a = :a AND #b = :b'),
      query({ '#a': 'pk' }, { ':a': ownPartition, ':b': pk }, '#a = :a AND pk = :b'),
      query({}, { ':a': ownPartition, ':b': pk }, ':b = pk AND sk = :a'),
      refused(`Query by conditions ${pk}`, (client) =>
        client.send(
          new dynamodb.QueryCommand({
            TableName,
            KeyConditions: { pk: { ComparisonOperator: 'EQ', AttributeValueList: [{ S: pk }] } },
          }),
        ),
      ),
      refused('Query of an index', (client) =>
        client.send(
          new dynamodb.QueryCommand({
            ...{ TableName, IndexName: 'any', KeyConditionExpression: 'pk = :p' },
            ExpressionAttributeValues: { ':p': { S: ownPartition } },
          }),
        ),
      ),
      refused('ExecuteStatement', (client) =>
        client.send(new dynamodb.ExecuteStatementCommand({ Statement: `SELECT * FROM "${TableName}"` })),
      ),
      refused('TransactGetItems', (client) =>
        client.send(
          new dynamodb.TransactGetItemsCommand({
            TransactItems: [{ Get: { TableName, Key: key({ pk, sk: 'KEY' }) } }],
          }),
        ),
      ),
      refused('ListTables', (client) => client.send(new dynamodb.ListTablesCommand({}))),
      refused('DescribeTable', (client) => client.send(new dynamodb.DescribeTableCommand({ TableName }))),
      refused('DeleteTable', (client) => client.send(new dynamodb.DeleteTableCommand({ TableName }))),
      refused('another table', (client) =>
        client.send(new dynamodb.GetItemCommand({ TableName: 'another', Key: key({ pk: ownPartition, sk: 'KEY' }) })),
      ),
    ),
  );
  return fc.oneof(one, one, several, tricks);
}

function bucketActs({ store: { bucket: Bucket }, objectKeys }: World): fc.Arbitrary<Act> {
  const near = [
    'tenants/',
    'tenants/abc/',
    'tenants/AB/x',
    'tenants//ab/x',
    'Tenants/ab/x',
    '/tenants/ab/x',
    'tenants/ab%2Fx',
    'tenants/*/x',
  ];
  const out = ['b/contexts/1', 'abc/contexts/1'].flatMap((key) => [`${ownPrefix}../${key}`, `${ownPrefix}./../${key}`]);
  const object = fc.oneof(
    fc.constantFrom('contexts/1', 'contexts/none', 'envelopes/x').map((key) => ownPrefix + key),
    fc.constantFrom(...objectKeys),
    fc.constantFrom(...objectKeys).map((key) => `${key}-none`),
    fc.constantFrom(...near),
    fc.constantFrom(...out),
  );
  const isOwn = (key: string) => key.startsWith(ownPrefix) && !key.split('/').includes('..');
  const of = (
    name: string,
    keys: readonly string[],
    command: (client: s3.S3Client) => Promise<unknown>,
    own = keys.every(isOwn),
  ): Act => ({
    name: `${name} ${JSON.stringify(keys)}`,
    own,
    present: keys.every((key) => objectKeys.includes(key)),
    send: ({ bucket }) => command(bucket),
  });
  const refused = (name: string, command: (client: s3.S3Client) => Promise<unknown>): Act =>
    of(name, [], command, false);
  return fc.tuple(object, fc.constantFrom(...objectKeys)).chain(([Key, other]) =>
    fc.constantFrom<Act>(
      of('GetObject', [Key], async (client) => {
        const { Body, ...rest } = await client.send(new s3.GetObjectCommand({ Bucket, Key }));
        return [rest, await Body?.transformToString()];
      }),
      of('HeadObject', [Key], (client) => client.send(new s3.HeadObjectCommand({ Bucket, Key }))),
      of('PutObject', [Key], (client) => client.send(new s3.PutObjectCommand({ Bucket, Key, Body: 'own' }))),
      of('DeleteObject', [Key], (client) => client.send(new s3.DeleteObjectCommand({ Bucket, Key }))),
      refused(`CopyObject ${other}`, (client) =>
        client.send(new s3.CopyObjectCommand({ Bucket, Key: `${ownPrefix}copy`, CopySource: `${Bucket}/${other}` })),
      ),
      refused(`ListObjectsV2 ${other}`, (client) =>
        client.send(new s3.ListObjectsV2Command({ Bucket, Prefix: other.slice(0, 9) })),
      ),
      refused('ListObjects', (client) => client.send(new s3.ListObjectsCommand({ Bucket }))),
      refused('ListBuckets', (client) => client.send(new s3.ListBucketsCommand({}))),
      refused('DeleteObjects', (client) =>
        client.send(
          new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: other }, { Key: `${ownPrefix}x` }] } }),
        ),
      ),
      refused('DeleteBucket', (client) => client.send(new s3.DeleteBucketCommand({ Bucket }))),
      refused('another bucket', (client) =>
        client.send(new s3.GetObjectCommand({ Bucket: 'another', Key: `${ownPrefix}x` })),
      ),
      refused('PutBucketLifecycleConfiguration', (client) =>
        client.send(new s3.PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [] } })),
      ),
    ),
  );
}

/** Credentials that are no credentials, and the role taken on for somebody else. */
function otherActs(world: World): fc.Arbitrary<Act> {
  const { store, credentials, foreign } = world;
  const as = (name: string, made: Credentials): Act => ({
    ...{ name, own: false, present: true },
    send: () => {
      const { table } = clientsOf(made);
      const Key = { pk: { S: 'TENANT#b' }, sk: { S: 'KEY' } };
      return table.send(new dynamodb.GetItemCommand({ TableName: store.table, Key }));
    },
  });
  const assume = (tenant: string): Act => ({
    ...{ name: `AssumeRole for ${tenant}`, own: false, present: true },
    send: ({ sts }) =>
      sts.send(
        new AssumeRoleCommand({
          RoleArn: store.role,
          RoleSessionName: 'somebody',
          Tags: [{ Key: 'TenantId', Value: tenant }],
        }),
      ),
  });
  return fc.constantFrom<Act>(
    as('a guessed secret', { ...foreign, secretAccessKey: credentials.secretAccessKey }),
    as("another's token", { ...credentials, sessionToken: foreign.sessionToken }),
    as("another's id", { ...credentials, accessKeyId: foreign.accessKeyId }),
    as("the operator's id", { ...credentials, accessKeyId: 'local' }),
    as('no session', { ...credentials, sessionToken: '' }),
    as('nobody', { accessKeyId: 'ASIA0000', secretAccessKey: 'x', sessionToken: 'x' }),
    ...['b', actor, '*', '', 'a/../b'].map(assume),
  );
}
