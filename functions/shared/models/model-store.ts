import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
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

/** Where a version's archive lies in the store. */
export function archiveKey(tenant: string, id: string): string {
  return `models/${tenant}/${id}.tar.gz`;
}

/** Takes a version's archive away, also where there is none. */
export async function removeStoredModel(key: string): Promise<void> {
  client ??= new S3Client(bucketOptions());
  await client.send(new DeleteObjectCommand({ Bucket: setting('SLINGSHOT_MODEL_STORE'), Key: key }));
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
