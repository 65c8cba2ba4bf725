import { createHash } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { Stored } from '../contracts/stored.ts';
import { withClockSet } from './clock-skew.ts';
import { setting } from './environment.ts';
import { StoreRejected, StoreUnavailable } from './errors.ts';
import { bucketOptions, tenantClients } from './tenant-clients.ts';

/** A tenant, whose objects take its own credentials, or nobody. */
export type Owner = string | null;

let client: S3Client | undefined;

/** With the tenant's own credentials, or the function's. */
export function s3(owner: Owner): S3Client {
  if (owner !== null) return tenantClients(owner).bucket;
  client ??= new S3Client(bucketOptions());
  return client;
}

/** The prefix of all that belongs to a tenant, or to nobody. */
export function ownerPrefix(tenant: Owner): string {
  return tenant === null ? 'shared' : `tenants/${tenant}`;
}

/**
 * Stores bytes under their digest, so that storing them twice, after a retry, leaves one object.
 *
 * @throws StoreUnavailable, StoreRejected
 */
export async function storeObject(owner: Owner, kind: string, bytes: Uint8Array): Promise<Stored> {
  const stored = storedAs(owner, kind, bytes);
  await putObject(owner, stored.key, bytes);
  return stored;
}

/** Where bytes lie once they are stored. */
export function storedAs(owner: Owner, kind: string, bytes: Uint8Array): Stored {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { key: `${ownerPrefix(owner)}/${kind}/${sha256}`, sha256 };
}

/** @throws StoreUnavailable, StoreRejected */
export async function putObject(owner: Owner, key: string, body: Uint8Array | string): Promise<void> {
  await attempt(key, () =>
    s3(owner).send(new PutObjectCommand({ Bucket: setting('SLINGSHOT_BUCKET'), Key: key, Body: body })),
  );
}

export interface ObjectPlace {
  readonly bucket: string;
  readonly key: string;
}

/** @throws StoreUnavailable, StoreRejected */
export async function getObject(owner: Owner, place: ObjectPlace): Promise<Uint8Array> {
  return (await getDatedObject(owner, place)).bytes;
}

/** With when it was put, in milliseconds since 1970. @throws StoreUnavailable, StoreRejected */
export function getDatedObject(
  owner: Owner,
  { bucket, key }: ObjectPlace,
): Promise<{ readonly bytes: Uint8Array; readonly modified: number }> {
  return attempt(key, async () => {
    const { Body, LastModified } = await s3(owner).send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return { bytes: Body ? await Body.transformToByteArray() : new Uint8Array(0), modified: Number(LastModified ?? 0) };
  });
}

/** An object's length in bytes, or undefined where there is none. @throws StoreUnavailable, StoreRejected */
export async function objectSize(owner: Owner, key: string): Promise<number | undefined> {
  const command = new HeadObjectCommand({ Bucket: setting('SLINGSHOT_BUCKET'), Key: key });
  try {
    return (await attempt(key, () => s3(owner).send(command))).ContentLength;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Whether an error says that there is no such object. */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof StoreRejected)) return false;
  const { $metadata } = (error.cause ?? {}) as { $metadata?: { httpStatusCode?: number } };
  // S3 says that it is forbidden, not that it is missing, to who may not list.
  return $metadata?.httpStatusCode === 404 || $metadata?.httpStatusCode === 403;
}

/** @throws StoreRejected, and StoreUnavailable also when what comes back is not what was stored, or not all of it */
export async function loadObject(owner: Owner, { key, sha256 }: Stored): Promise<Uint8Array> {
  const bytes = await getObject(owner, { bucket: setting('SLINGSHOT_BUCKET'), key });
  if (createHash('sha256').update(bytes).digest('hex') === sha256) return bytes;
  throw new StoreUnavailable(`object ${key}: the ${bytes.length} bytes that came back are not those that were stored`);
}

/** Also where there is none. @throws StoreUnavailable, StoreRejected */
export async function deleteObject(owner: Owner, key: string): Promise<void> {
  await attempt(key, () => s3(owner).send(new DeleteObjectCommand({ Bucket: setting('SLINGSHOT_BUCKET'), Key: key })));
}

/** @throws StoreUnavailable, StoreRejected, naming the object */
export async function attempt<T>(key: string, act: () => Promise<T>): Promise<T> {
  try {
    return await withClockSet(act);
  } catch (cause) {
    if (cause instanceof StoreUnavailable || cause instanceof StoreRejected) throw cause;
    const { name, message, $metadata } = cause as Error & { $metadata?: { httpStatusCode?: number } };
    const line = `object ${key}: ${name}: ${message}`;
    if (isFinal(name, $metadata?.httpStatusCode)) throw new StoreRejected(line, { cause });
    throw new StoreUnavailable(line, { cause });
  }
}

/** Whether the bucket will say so again. It calls a request that came in too slowly a bad one. */
function isFinal(name: string, status: number | undefined): boolean {
  if (status === undefined || name === 'RequestTimeout') return false;
  return status >= 300 && status < 500 && status !== 408 && status !== 429;
}
