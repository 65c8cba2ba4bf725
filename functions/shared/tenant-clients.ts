import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { connections } from './connections.ts';
import { setting } from './environment.ts';
import { StoreUnavailable } from './errors.ts';

/** SDK clients whose credentials open one tenant's data and nobody else's. */
export interface TenantClients {
  readonly table: DynamoDBDocumentClient;
  readonly bucket: S3Client;
}

/** The tag of a session that the tenant role's policy goes by. */
export const tenantTag = 'TenantId';

/** Of a role that is assumed by a role, an hour is the most. */
const sessionSeconds = 3600;

/** It has at least two letters, which a tenant's name need not have. */
const longestSessionName = 64;

/** Tenants whose clients a warm function keeps. */
const kept = 200;

const known = new Map<string, TenantClients>();
let shared: { readonly sts: STSClient; readonly base: DynamoDBClient; readonly baseBucket: S3Client } | undefined;

/** The clients of a tenant; they renew their session by themselves. */
export function tenantClients(tenant: string): TenantClients {
  const found = known.get(tenant);
  const clients = found ?? makeClients(tenant);
  // Last used, last forgotten.
  known.delete(tenant);
  known.set(tenant, clients);
  if (known.size > kept) known.delete(known.keys().next().value as string);
  return clients;
}

/** A client of the bucket whose session begins with its first use, and so lasts an hour from then. */
export function freshBucketClient(tenant: string): S3Client {
  return makeClients(tenant).bucket;
}

/** Path-style addressing is what a bucket on loopback needs. */
export const bucketOptions = () => ({
  requestHandler: connections,
  forcePathStyle: process.env.AWS_ENDPOINT_URL_S3 !== undefined,
  requestChecksumCalculation: 'WHEN_REQUIRED' as const,
  responseChecksumValidation: 'WHEN_REQUIRED' as const,
});

function makeClients(tenant: string): TenantClients {
  shared ??= {
    sts: new STSClient({ requestHandler: connections }),
    base: new DynamoDBClient({ requestHandler: connections }),
    baseBucket: new S3Client(bucketOptions()),
  };
  const { sts, base, baseBucket } = shared;
  const credentials = () => assumeTenantRole(sts, tenant);
  // Connections are shared: what tells tenants apart is each request's signature.
  const table = new DynamoDBClient({ credentials, requestHandler: base.config.requestHandler });
  const bucket = new S3Client({
    ...bucketOptions(),
    credentials,
    requestHandler: baseBucket.config.requestHandler,
  });
  return {
    table: DynamoDBDocumentClient.from(table, { marshallOptions: { removeUndefinedValues: true } }),
    bucket,
  };
}

async function assumeTenantRole(sts: STSClient, tenant: string) {
  const { Credentials } = await sts.send(
    new AssumeRoleCommand({
      RoleArn: setting('SLINGSHOT_TENANT_ROLE'),
      RoleSessionName: `tenant-${tenant}`.slice(0, longestSessionName),
      Tags: [{ Key: tenantTag, Value: tenant }],
      DurationSeconds: sessionSeconds,
    }),
  );
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {};
  if (!AccessKeyId || !SecretAccessKey || !SessionToken) {
    throw new StoreUnavailable(`tenant ${tenant}: AssumeRole gave no credentials`);
  }
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    ...(Expiration ? { expiration: Expiration } : {}),
  };
}
