import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { keptServices } from './kept-services.ts';

/**
 * A process to kill: `node keep-writing.ts FOLDER` puts items and objects into a state folder, over and over, and prints
 * the number of each when it was told that it is kept.
 */
const { items, objects } = await keptServices(process.argv[2]);
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
