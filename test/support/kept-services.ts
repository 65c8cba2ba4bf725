import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { LocalAws } from '../../lib/local/aws-environment.ts';
import { startDynamoDb } from '../../lib/local/dynamodb.ts';
import { Identities } from '../../lib/local/iam/identities.ts';
import { startS3 } from '../../lib/local/s3.ts';
import { openStateFolder } from '../../lib/local/state-folder.ts';

/**
 * Clients of a local table `Table` and bucket `bucket` that are kept in a folder.
 *
 * @param tries of each call
 */
export async function keptServices(
  folder: string,
  tries = 3,
): Promise<{ readonly items: DynamoDBClient; readonly objects: S3Client }> {
  const state = await openStateFolder(folder);
  const aws = new LocalAws();
  const identities = new Identities(aws.credentials);
  aws.add(await startDynamoDb({ tables: ['Table'], identities, folder: state.dynamodb }));
  aws.add(await startS3({ buckets: ['bucket'], identities, folder: state.s3 }));
  return {
    items: new DynamoDBClient({ maxAttempts: tries }),
    objects: new S3Client({ maxAttempts: tries, forcePathStyle: true }),
  };
}
