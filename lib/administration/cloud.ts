import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { bucketOptions } from '../../functions/shared/tenant-clients.ts';
import type { Administration } from './administration.ts';

export interface CloudNames {
  readonly table: string;
  readonly bucket?: string;
  readonly stateMachine?: string;
  readonly deployModel?: string;
  readonly tiers: readonly string[];
}

/** An operator's access to a deployment, with the credentials and the region that the SDK finds. */
export async function administerInCloud(names: CloudNames): Promise<Administration> {
  const { Arn = 'unknown' } = await new STSClient({}).send(new GetCallerIdentityCommand({}));
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({}), {
    marshallOptions: { removeUndefinedValues: true },
  });
  return {
    table: { client, name: names.table },
    bucket: { client: new S3Client(bucketOptions()), name: names.bucket ?? '' },
    ...(names.stateMachine ? { generations: { client: new SFNClient({}), stateMachineArn: names.stateMachine } } : {}),
    ...(names.deployModel ? { deployModelArn: names.deployModel } : {}),
    ...{ tiers: names.tiers, actor: Arn },
  };
}
