import type { Readable } from 'node:stream';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { linesOf } from '../../../functions/assemble-batch/lines-of.ts';
import { bucketOptions } from '../../../functions/shared/tenant-clients.ts';
import { failure } from './map-state.ts';

/** The bucket, as the Map uses it. */
export interface MapStore {
  /** The lines of an object. */
  lines(bucket: string, key: string): AsyncIterable<string>;
  put(bucket: string, key: string, body: string): Promise<void>;
}

/** The bucket of the local cloud, with what its functions may do by themselves. */
export function bucketStore(): MapStore {
  let client: S3Client | undefined;
  const s3 = () => {
    client ??= new S3Client(bucketOptions());
    return client;
  };
  return {
    async *lines(bucket, key) {
      const command = new GetObjectCommand({ Bucket: bucket, Key: key });
      const { Body } = await s3()
        .send(command)
        .catch((error) => {
          throw failure('States.ItemReaderFailed', `s3://${bucket}/${key}: ${error.name}`);
        });
      yield* linesOf(Body as Readable);
    },
    async put(bucket, key, body) {
      await s3().send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
    },
  };
}
