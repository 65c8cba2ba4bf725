import { randomBytes } from 'node:crypto';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { formSeconds, type UploadPurpose, uploadSeconds } from '../contracts/api/uploads.ts';
import { setting } from './environment.ts';
import { deleteObject, getObject, objectSize, ownerPrefix } from './object-store.ts';
import { expiryAttribute } from './table/partition.ts';
import { tableErrors } from './table/table-errors.ts';
import { TenantTable } from './table/tenant-table.ts';
import { freshBucketClient } from './tenant-clients.ts';

/** A file that a tenant sends to the bucket itself, because it is larger than a request may be. */
export interface UploadRecord {
  readonly id: string;
  readonly purpose: UploadPurpose;
  /** The file's length. */
  readonly bytes: number;
  readonly filename?: string;
  /** Where it lies, or will lie, in the bucket. */
  readonly key: string;
  readonly createdAt: string;
  /** Seconds since 1970. */
  readonly expires: number;
}

/** What is to be posted, as multipart/form-data, with the file as the last field. */
export interface UploadForm {
  readonly url: string;
  readonly fields: Readonly<Record<string, string>>;
  /** Seconds since 1970. */
  readonly expires: number;
}

const uploadKey = (id: string) => `UPLOAD#${id}`;

/**
 * Lets a tenant put one file of one length under one key of its prefix.
 *
 * @throws StoreUnavailable, StoreRejected
 */
export async function createUpload(
  tenant: string,
  { purpose, bytes, filename }: Pick<UploadRecord, 'purpose' | 'bytes' | 'filename'>,
): Promise<{ readonly record: UploadRecord; readonly form: UploadForm }> {
  const now = Date.now();
  const id = `upl_${randomBytes(12).toString('hex')}`;
  const key = `${ownerPrefix(tenant)}/uploads/${id}`;
  const record: UploadRecord = {
    ...{ id, purpose, bytes, key, createdAt: new Date(now).toISOString() },
    ...(filename === undefined ? {} : { filename }),
    [expiryAttribute]: Math.floor(now / 1000) + uploadSeconds,
  };
  // Its session begins now, so that it lasts as long as the form.
  const { url, fields } = await tableErrors(id, () =>
    createPresignedPost(freshBucketClient(tenant), {
      ...{ Bucket: setting('SLINGSHOT_BUCKET'), Key: key, Expires: formSeconds },
      Conditions: [['content-length-range', bytes, bytes]],
    }),
  );
  await TenantTable.of(tenant).put(uploadKey(id), record);
  return { record, form: { url, fields, expires: Math.floor(now / 1000) + formSeconds } };
}

/** @returns undefined for one that is not the tenant's, never was, or has expired */
export function getUpload(tenant: string, id: string): Promise<UploadRecord | undefined> {
  return TenantTable.of(tenant).get<UploadRecord>(uploadKey(id));
}

/** Whether the file has come. @throws StoreUnavailable, StoreRejected */
export async function isReceived(
  tenant: string,
  { key, bytes }: Pick<UploadRecord, 'key' | 'bytes'>,
): Promise<boolean> {
  return (await objectSize(tenant, key)) === bytes;
}

/** The whole file, for what is small. @throws StoreUnavailable, StoreRejected */
export function readUpload(tenant: string, { key }: Pick<UploadRecord, 'key'>): Promise<Uint8Array> {
  return getObject(tenant, { bucket: setting('SLINGSHOT_BUCKET'), key });
}

/** Forgets an upload, and the file. @throws StoreUnavailable, StoreRejected */
export async function deleteUpload(tenant: string, { id, key }: Pick<UploadRecord, 'id' | 'key'>): Promise<void> {
  await deleteObject(tenant, key);
  await TenantTable.of(tenant).delete(uploadKey(id));
}
