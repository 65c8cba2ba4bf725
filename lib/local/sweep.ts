import { DeleteObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { DeleteCommand, ScanCommand } from '@aws-sdk/lib-dynamodb';
import { objectDays } from '../../functions/contracts/stored.ts';
import { expiryAttribute } from '../../functions/shared/table/partition.ts';
import type { Administration } from '../administration/administration.ts';

/**
 * Removes what the cloud removes by itself: items past their expiry, by the table's time to live, and old objects, by
 * the bucket's lifecycle.
 *
 * @returns how many of each
 */
export async function sweep(
  { table, bucket }: Pick<Administration, 'table' | 'bucket'>,
  now = Date.now(),
): Promise<{ readonly items: number; readonly objects: number }> {
  let items = 0;
  let start: Record<string, unknown> | undefined;
  do {
    const page = await table.client.send(
      new ScanCommand({
        ...{ TableName: table.name, FilterExpression: '#expires <= :now', ProjectionExpression: 'pk, sk' },
        ExpressionAttributeNames: { '#expires': expiryAttribute },
        ExpressionAttributeValues: { ':now': Math.floor(now / 1000) },
        ...(start ? { ExclusiveStartKey: start } : {}),
      }),
    );
    for (const { pk, sk } of page.Items ?? []) {
      await table.client.send(new DeleteCommand({ TableName: table.name, Key: { pk, sk } }));
      items++;
    }
    start = page.LastEvaluatedKey;
  } while (start);
  let objects = 0;
  let token: string | undefined;
  do {
    const page = await bucket.client.send(
      new ListObjectsV2Command({ Bucket: bucket.name, ...(token ? { ContinuationToken: token } : {}) }),
    );
    for (const { Key, LastModified } of page.Contents ?? []) {
      if (LastModified && now - LastModified.getTime() < objectDays * 86_400_000) continue;
      await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key }));
      objects++;
    }
    token = page.NextContinuationToken;
  } while (token);
  return { items, objects };
}
