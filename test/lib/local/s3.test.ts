import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalAws } from '../../../lib/local/aws-environment.ts';
import { Identities } from '../../../lib/local/iam/identities.ts';
import { withoutChunks } from '../../../lib/local/s3/chunked.ts';
import { readForm } from '../../../lib/local/s3/form.ts';
import { startS3 } from '../../../lib/local/s3.ts';
import type { LocalService } from '../../../lib/local/service.ts';
import '../../support/property-seed.ts';

const Bucket = 'bucket';
let folder: string;
let aws: LocalAws;
let service: LocalService;
let client: S3Client;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slingshot-objects-'));
  aws = new LocalAws();
  service = await startS3({ buckets: [Bucket], folder, identities: new Identities(aws.credentials) });
  aws.add(service);
  client = new S3Client({ forcePathStyle: true, maxAttempts: 1 });
});
afterAll(async () => {
  await service.stop();
  aws.restore();
  await rm(folder, { recursive: true });
});

const put = (Key: string, Body: string | Buffer = 'x') => client.send(new PutObjectCommand({ Bucket, Key, Body }));
const text = async (Key: string, Range?: string) => {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, ...(Range ? { Range } : {}) }));
  return Body?.transformToString();
};
const keysOf = async (Prefix: string, MaxKeys = 1000) => {
  const keys: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket, Prefix, MaxKeys, ...(ContinuationToken ? { ContinuationToken } : {}) }),
    );
    expect(page.KeyCount).toBeLessThanOrEqual(MaxKeys);
    keys.push(...(page.Contents ?? []).map(({ Key = '' }) => Key));
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken);
  return keys;
};
const unfinished = () => readdir(join(folder, '.unfinished'));

describe('an object', () => {
  it('is what was put, whatever its key is', async () => {
    const segment = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 20 }),
      fc.constantFrom('a%d', '%o', 'ü', 'x'.repeat(300), '&<>"', 'a b+c', '%2F', '~'),
    );
    const key = fc
      .array(segment, { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join('/').toWellFormed())
      .filter((made) => made !== '' && !made.split('/').some((part) => ['.', '..'].includes(part)))
      .filter((made) => !made.startsWith('/') && [...made].every((character) => character >= ' '));
    await fc.assert(
      fc.asyncProperty(key, async (suffix) => {
        const own = `any/${suffix}`;
        await put(own, suffix);
        expect(await text(own)).toBe(suffix);
        expect(await keysOf('any/')).toEqual([own]);
        await client.send(new DeleteObjectCommand({ Bucket, Key: own }));
        expect(await keysOf('any/')).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it('can be a name with others under it, and is read in parts', async () => {
    await put('a', '0123456789');
    await put('a/b', 'under');
    expect([await text('a'), await text('a/b')]).toEqual(['0123456789', 'under']);
    expect(
      await Promise.all(['bytes=2-4', 'bytes=7-', 'bytes=-2', 'bytes=8-99'].map((range) => text('a', range))),
    ).toEqual(['234', '789', '89', '89']);
    await expect(text('a', 'bytes=10-')).rejects.toThrow(expect.objectContaining({ name: 'InvalidRange' }));
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'a' }));
    expect(await text('a/b')).toBe('under');
    await expect(text('a')).rejects.toThrow(expect.objectContaining({ name: 'NoSuchKey' }));
  });

  it('has its type, its metadata and its length', async () => {
    const Metadata = { who: 'me' };
    await client.send(new PutObjectCommand({ Bucket, Key: 'm', Body: '12345', ContentType: 'text/plain', Metadata }));
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'm' }));
    expect(head).toMatchObject({ ContentLength: 5, ContentType: 'text/plain', Metadata });
  });

  it('that must be new is not put over another', async () => {
    const once = () => client.send(new PutObjectCommand({ Bucket, Key: 'new', Body: 'first', IfNoneMatch: '*' }));
    await once();
    await expect(once()).rejects.toThrow(expect.objectContaining({ name: 'PreconditionFailed' }));
    expect([await text('new'), await unfinished()]).toEqual(['first', []]);
  });
});

describe('a list', () => {
  it('has all keys of a prefix in the order of their bytes, page by page', async () => {
    const keys = ['l/Z', 'l/a', 'l/a/b', 'l/ab', 'l/é', 'l/\u{1f600}'];
    for (const key of keys) await put(key);
    await put('m/other');
    for (const size of [1, 2, 1000]) expect(await keysOf('l/', size)).toEqual(keys);
    const { CommonPrefixes, Contents } = await client.send(
      new ListObjectsV2Command({ Bucket, Prefix: 'l/', Delimiter: '/' }),
    );
    expect(CommonPrefixes).toEqual([{ Prefix: 'l/a/' }]);
    expect(Contents).toHaveLength(5);
    await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }));
    expect(await keysOf('l/')).toEqual([]);
  });
});

describe('what is larger than memory should hold', () => {
  const large = randomBytes(12 * 2 ** 20);

  it('is streamed', async () => {
    const Body = Readable.from([large.subarray(0, 100), large.subarray(100)]);
    await client.send(new PutObjectCommand({ Bucket, Key: 'large', Body, ContentLength: large.length }));
    const { Body: back } = await client.send(new GetObjectCommand({ Bucket, Key: 'large' }));
    expect(Buffer.from((await back?.transformToByteArray()) ?? []).equals(large)).toBe(true);
  });

  it('is uploaded in parts, or not at all', async () => {
    const Key = 'parts';
    const begin = async () => (await client.send(new CreateMultipartUploadCommand({ Bucket, Key }))).UploadId;
    const UploadId = await begin();
    const part = async (PartNumber: number, Body: Buffer, id = UploadId) => {
      const { ETag } = await client.send(new UploadPartCommand({ Bucket, Key, UploadId: id, PartNumber, Body }));
      return { PartNumber, ETag };
    };
    const Parts = [await part(1, large.subarray(0, 6 * 2 ** 20)), await part(2, large.subarray(6 * 2 ** 20))];
    const complete = (parts = Parts) =>
      client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts: parts } }));
    await expect(complete(Parts.toReversed())).rejects.toThrow(expect.objectContaining({ name: 'InvalidPartOrder' }));
    expect((await complete()).ETag).toMatch(/^"[0-9a-f]{32}-2"$/);
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
    expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(large)).toBe(true);
    const given = await begin();
    await part(1, large.subarray(0, 10), given);
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId: given }));
    await expect(complete()).rejects.toThrow(expect.objectContaining({ name: 'NoSuchUpload' }));
    expect(await unfinished()).toEqual([]);
  });

  it('is posted as a form', async () => {
    const { url, fields } = await createPresignedPost(client, {
      ...{ Bucket, Key: 'posted', Expires: 60 },
      Conditions: [['content-length-range', large.length, large.length]],
    });
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    form.set('file', new Blob([large]), 'large.bin');
    expect((await fetch(url, { method: 'POST', body: form })).status).toBe(204);
    const { ContentLength } = await client.send(new HeadObjectCommand({ Bucket, Key: 'posted' }));
    expect(ContentLength).toBe(large.length);
  });
});

describe('a body', () => {
  it('that is not what its checksum says, or comes in part, leaves nothing', async () => {
    const wrong = new PutObjectCommand({
      Bucket,
      Key: 'wrong',
      Body: 'x',
      ContentMD5: Buffer.alloc(16).toString('base64'),
    });
    await expect(client.send(wrong)).rejects.toThrow(expect.objectContaining({ name: 'BadDigest' }));
    expect([await keysOf('wrong'), await unfinished()]).toEqual([[], []]);
  });

  it('in chunks is what they hold, however it is cut on its way', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 })),
        fc.integer({ min: 1, max: 30 }),
        async (chunks, cut) => {
          const sent = Buffer.concat([
            ...chunks.map((chunk) =>
              Buffer.concat([
                Buffer.from(`${chunk.length.toString(16)};chunk-signature=0\r\n`),
                chunk,
                Buffer.from('\r\n'),
              ]),
            ),
            Buffer.from('0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n'),
          ]);
          const trailers = new Map<string, string>();
          const parts: Buffer[] = [];
          for await (const part of withoutChunks(cutInto(sent, cut), trailers)) parts.push(part);
          expect(Buffer.concat(parts)).toEqual(Buffer.concat(chunks));
          expect(trailers.get('x-amz-checksum-crc32')).toBe('AAAA');
        },
      ),
      { numRuns: 100 },
    );
    const cutOff = withoutChunks(cutInto(Buffer.from('5\r\nab'), 3), new Map());
    await expect(all(cutOff)).rejects.toThrow('ends in the middle of a chunk');
  });

  it('that is a form has its fields and its file, however it is cut on its way', async () => {
    const file = Buffer.from('one\r\n--limi\r\n--limitless\r\n\r\nend');
    const form = Buffer.concat([
      Buffer.from('--limit--x\r\nContent-Disposition: form-data; name="Key"\r\n\r\na key\r\n--limit--x\r\n'),
      Buffer.from('Content-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\n'),
      file,
      Buffer.from('\r\n--limit--x--\r\n'),
    ]);
    for (let cut = 1; cut < 60; cut++) {
      const read = await readForm('multipart/form-data; boundary=limit--x', cutInto(form, cut));
      expect([[...read.fields], read.filename]).toEqual([[['key', 'a key']], 'f.txt']);
      expect(Buffer.concat(await all(read.file))).toEqual(file);
    }
    const early = await readForm('multipart/form-data; boundary=limit--x', cutInto(form.subarray(0, -20), 7));
    await expect(all(early.file)).rejects.toThrow('the form ends too early');
  });
});

async function* cutInto(bytes: Buffer, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function all(source: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const parts: Buffer[] = [];
  for await (const part of source) parts.push(part);
  return parts;
}
