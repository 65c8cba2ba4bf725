import { createHash } from 'node:crypto';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { type TenantStore, tenantStore } from '../support/tenant-store.ts';

/** The tenant that tries, and those around it, whose names are as like its own as names can be. */
export const actor = 'ab';
export const others = ['a', 'abc', 'b', 'ab-c'];

/** What stands in everything that is not the actor's, and may be in no answer to it. */
export const secret = 'swordfish';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** A store with several tenants' things in it, and the actor's credentials. */
export interface World {
  readonly store: TenantStore;
  readonly credentials: Credentials;
  /** A session of somebody else, of which the actor knows a part at most. */
  readonly foreign: Credentials;
  /** Partition keys that are not the actor's, and sort keys that stand under them. */
  readonly partitions: readonly string[];
  readonly sortKeys: readonly string[];
  /** Object keys that are not the actor's. */
  readonly objectKeys: readonly string[];
  /** A digest of all that is not the actor's. */
  fingerprint(): Promise<string>;
  stop(): Promise<void>;
}

export async function makeWorld(): Promise<World> {
  const store = await tenantStore();
  const table = new DynamoDBClient({});
  const items = DynamoDBDocumentClient.from(table);
  const bucket = new S3Client({ forcePathStyle: true });
  const partitions = [...others.map((name) => `TENANT#${name}`), 'TENANTS', 'KEY#abcdefghijkl', 'AUDIT#2026-11'];
  const sortKeys = ['ADMISSION', 'GEN#1', 'GEN#1#STEP#000001', 'CONTEXT#ctx_1', 'USAGE#2026-11-26#1', 'KEY', 'a'];
  const objectKeys = [
    ...others.flatMap((name) => ['contexts/1', 'envelopes/2'].map((key) => `tenants/${name}/${key}`)),
    'shared/envelopes/1',
    'tenants/ab',
  ];
  for (const pk of [...partitions, `TENANT#${actor}`]) {
    const content = pk === `TENANT#${actor}` ? 'own' : secret;
    for (const sk of sortKeys) {
      await items.send(new PutCommand({ TableName: store.table, Item: { pk, sk, content } }));
    }
  }
  const put = (Key: string, Body: string) => bucket.send(new PutObjectCommand({ Bucket: store.bucket, Key, Body }));
  for (const key of objectKeys) await put(key, secret);
  await put(`tenants/${actor}/contexts/1`, 'own');
  return {
    ...{ store, partitions, sortKeys, objectKeys },
    credentials: await assume(store.role, actor),
    foreign: await assume(store.role, 'b'),
    async fingerprint() {
      const { Items = [] } = await table.send(new ScanCommand({ TableName: store.table }));
      const foreign = Items.filter(({ pk }) => pk.S !== `TENANT#${actor}`).map((item) => JSON.stringify(item));
      const { Contents = [] } = await bucket.send(new ListObjectsV2Command({ Bucket: store.bucket }));
      const keys = Contents.map(({ Key = '' }) => Key).filter((key) => !key.startsWith(`tenants/${actor}/`));
      const objects = await Promise.all(
        keys.map(async (Key) => {
          const { Body } = await bucket.send(new GetObjectCommand({ Bucket: store.bucket, Key }));
          return `${Key}: ${await Body?.transformToString()}`;
        }),
      );
      return createHash('sha256')
        .update([...foreign.sort(), ...objects.sort()].join('\n'))
        .digest('hex');
    },
    stop: () => store.stop(),
  };
}

async function assume(RoleArn: string, tenant: string): Promise<Credentials> {
  const command = new AssumeRoleCommand({
    ...{ RoleArn, RoleSessionName: `tenant-${tenant}` },
    Tags: [{ Key: 'TenantId', Value: tenant }],
  });
  const { Credentials: made } = await new STSClient({}).send(command);
  return {
    accessKeyId: made?.AccessKeyId ?? '',
    secretAccessKey: made?.SecretAccessKey ?? '',
    sessionToken: made?.SessionToken ?? '',
  };
}
