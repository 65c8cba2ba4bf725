import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { setting } from './environment.ts';
import { attempt, getObject, isMissing, type Owner, objectSize, putObject, s3 } from './object-store.ts';

const place = (key: string) => ({ Bucket: setting('SLINGSHOT_BUCKET'), Key: key });

/** Bytes of an object that are asked for at a time. */
const rangeBytes = 4 * 2 ** 20;

/**
 * An object's bytes, part by part: a connection that is held while its reader is busy with something else may be hung up on.
 *
 * @throws StoreUnavailable, StoreRejected
 */
export async function* streamObject(owner: Owner, key: string): AsyncGenerator<Uint8Array> {
  const size = (await objectSize(owner, key)) ?? 0;
  if (size === 0) {
    // Says that there is none, where there is none.
    yield await getObject(owner, { bucket: setting('SLINGSHOT_BUCKET'), key });
    return;
  }
  for (let at = 0; at < size; at += rangeBytes) yield await getRange(owner, key, at, Math.min(rangeBytes, size - at));
}

/** A part of an object. @throws StoreUnavailable, StoreRejected */
export function getRange(owner: Owner, key: string, at: number, bytes: number): Promise<Uint8Array> {
  const command = new GetObjectCommand({ ...place(key), Range: `bytes=${at}-${at + bytes - 1}` });
  return attempt(key, async () => {
    const { Body } = await s3(owner).send(command);
    return Body ? Body.transformToByteArray() : new Uint8Array(0);
  });
}

/** A small object's text, or undefined where there is none. @throws StoreUnavailable, StoreRejected */
export async function findText(owner: Owner, key: string): Promise<string | undefined> {
  try {
    return await attempt(key, async () => {
      const { Body } = await s3(owner).send(new GetObjectCommand(place(key)));
      return Body ? Body.transformToString() : '';
    });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** S3 takes parts from 5 MiB on, and 10,000 of them. */
const partBytes = 16 * 2 ** 20;

/**
 * An object that is written piece by piece, in bounded memory. Nothing is seen of it before `end`.
 *
 * All methods throw StoreUnavailable, StoreRejected.
 */
export class ObjectWriter {
  readonly #owner: Owner;
  readonly #key: string;
  readonly #hash = createHash('sha256');
  readonly #parts: { readonly ETag: string | undefined; readonly PartNumber: number }[] = [];
  #held: Buffer[] = [];
  #heldBytes = 0;
  #bytes = 0;
  #upload: string | undefined;

  constructor(owner: Owner, key: string) {
    this.#owner = owner;
    this.#key = key;
  }

  async write(piece: string | Uint8Array): Promise<void> {
    const bytes = Buffer.from(piece as string);
    this.#hash.update(bytes);
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    this.#bytes += bytes.length;
    if (this.#heldBytes >= partBytes) await this.#send();
  }

  async end(): Promise<{ readonly bytes: number; readonly sha256: string }> {
    if (this.#upload === undefined) await putObject(this.#owner, this.#key, Buffer.concat(this.#held));
    else {
      if (this.#heldBytes > 0) await this.#send();
      const { Bucket, Key } = place(this.#key);
      const command = new CompleteMultipartUploadCommand({
        ...{ Bucket, Key, UploadId: this.#upload, MultipartUpload: { Parts: this.#parts } },
      });
      await attempt(this.#key, () => s3(this.#owner).send(command));
    }
    this.#held = [];
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  /** Leaves nothing of it. What cannot be taken away now, the bucket's own rule takes after a day. */
  async abandon(): Promise<void> {
    this.#held = [];
    if (this.#upload === undefined) return;
    const command = new AbortMultipartUploadCommand({ ...place(this.#key), UploadId: this.#upload });
    await s3(this.#owner)
      .send(command)
      .catch(() => {});
  }

  async #send(): Promise<void> {
    this.#upload ??= await attempt(this.#key, async () => {
      return (await s3(this.#owner).send(new CreateMultipartUploadCommand(place(this.#key)))).UploadId;
    });
    const PartNumber = this.#parts.length + 1;
    const Body = Buffer.concat(this.#held);
    const command = new UploadPartCommand({ ...place(this.#key), UploadId: this.#upload, PartNumber, Body });
    const { ETag } = await attempt(this.#key, () => s3(this.#owner).send(command));
    this.#parts.push({ ETag, PartNumber });
    this.#held = [];
    this.#heldBytes = 0;
  }
}
