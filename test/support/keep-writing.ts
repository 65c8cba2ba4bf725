import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { LocalAws } from '../../lib/local/aws-environment.ts';
import { startDynamoDb } from '../../lib/local/dynamodb.ts';
import { Identities } from '../../lib/local/iam/identities.ts';
import { startS3 } from '../../lib/local/s3.ts';
import { openStateFolder } from '../../lib/local/state-folder.ts';

/**
 * A process to kill: `node keep-writing.ts FOLDER` puts items and objects into a state folder, over and over, and prints
 * the number of each when it was told that it is kept.
 */
const state = await openStateFolder(process.argv[2]);
const aws = new LocalAws();
const identities = new Identities(aws.credentials);
const table = await startDynamoDb({ tables: ['Table'], identities, folder: state.dynamodb });
const bucket = await startS3({ buckets: ['bucket'], identities, folder: state.s3 });
aws.add(table);
aws.add(bucket);
const [items, objects] = [new DynamoDBClient({}), new S3Client({ forcePathStyle: true })];
const text = (number: number) => String(number).repeat(20_000);
for (let number = 0; ; number++) {
  await Promise.all([
    items.send(new PutItemCommand({ TableName: 'Table', Item: { pk: { S: 'a' }, sk: { S: String(number) } } })),
    objects.send(new PutObjectCommand({ Bucket: 'bucket', Key: `some/${number}`, Body: text(number) })),
    // Written again and again: the old content or the new, but no part.
    objects.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'again', Body: text(number) })),
  ]);
  process.stdout.write(`${number}\n`);
}
