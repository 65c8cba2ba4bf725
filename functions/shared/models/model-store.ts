import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { setting } from '../environment.ts';
import { InvalidModel } from '../errors.ts';
import { bucketOptions, tenantClients } from '../tenant-clients.ts';

/** Puts what a tenant sent into a file. @throws InvalidModel where there is nothing */
export async function fetchUpload(tenant: string, key: string, path: string): Promise<void> {
  const command = new GetObjectCommand({ Bucket: setting('SLINGSHOT_BUCKET'), Key: key });
  const { Body } = await tenantClients(tenant).bucket.send(command);
  if (!Body) throw new InvalidModel('the archive is empty');
  await pipeline(Body as NodeJS.ReadableStream, createWriteStream(path));
}

let client: S3Client | undefined;

/** Puts a validated archive where SageMaker reads it, and no tenant writes. @returns its address */
export async function storeModel(key: string, path: string): Promise<string> {
  client ??= new S3Client(bucketOptions());
  const bucket = setting('SLINGSHOT_MODEL_STORE');
  const { size } = await stat(path);
  await client.send(
    new PutObjectCommand({ Bucket: bucket, Key: key, Body: createReadStream(path), ContentLength: size }),
  );
  return `s3://${bucket}/${key}`;
}
