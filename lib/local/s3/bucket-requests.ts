import type { IncomingMessage } from 'node:http';
import type { Identities } from '../iam/identities.ts';
import { guardForm } from '../iam/s3-guard.ts';
import { Refused } from '../iam/signature.ts';
import { readForm } from './form.ts';
import { headOf, keep, type S3Request } from './object-requests.ts';
import { textsOf, type Xml, xml } from './xml.ts';

/** S3 takes no more keys in one request, and tells of no more in one answer. */
const mostKeys = 1000;
const mostXmlBytes = 2 ** 20;

const noBucket = () => new Refused('NoSuchBucket', 'The specified bucket does not exist', 404);
export const answerXml = ({ response }: Pick<S3Request, 'response'>, name: string, content: Xml): void => {
  response.writeHead(200, { 'content-type': 'application/xml' }).end(xml(name, content));
};

export async function listBuckets(asked: S3Request): Promise<void> {
  const names = await asked.store.buckets();
  const Bucket = names.map((Name) => ({ Name, CreationDate: new Date(0).toISOString() }));
  answerXml(asked, 'ListAllMyBucketsResult', { Buckets: { Bucket } });
}

/** By its second version. */
export async function listObjects(asked: S3Request): Promise<void> {
  const { store, at, query } = asked;
  const { bucket } = at;
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const most = Math.min(mostKeys, Number(query.get('max-keys') ?? mostKeys));
  const token = query.get('continuation-token');
  const after = token === null ? (query.get('start-after') ?? '') : Buffer.from(token, 'base64url').toString();
  const keys = await store.keys(bucket);
  if (!keys) throw noBucket();
  const place = Buffer.from(after);
  const wanted = keys.filter((key) => key.startsWith(prefix) && Buffer.compare(Buffer.from(key), place) > 0);
  // Keys that go on after a delimiter are told of together, by what is before.
  const found = new Map<string, string>();
  for (const key of wanted) {
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const name = end < 0 ? key : key.slice(0, end + delimiter.length);
    if (!found.has(name) && found.size === most) break;
    found.set(name, key);
  }
  const last = [...found.values()].at(-1);
  const isMore = last !== undefined && last !== wanted.at(-1);
  const objects = await Promise.all(
    [...found]
      .filter(([name, key]) => name === key)
      .map(async ([key]) => [key, await store.head({ bucket, key })] as const),
  );
  answerXml(asked, 'ListBucketResult', {
    ...{ Name: bucket, Prefix: prefix, MaxKeys: most, KeyCount: found.size, IsTruncated: isMore },
    ...(isMore ? { NextContinuationToken: Buffer.from(last).toString('base64url') } : {}),
    Contents: objects.flatMap(([Key, head]) =>
      head
        ? [
            {
              ...{ Key, LastModified: new Date(head.modified).toISOString(), ETag: head.etag },
              ...{ Size: head.size, StorageClass: 'STANDARD' },
            },
          ]
        : [],
    ),
    CommonPrefixes: [...found].filter(([name, key]) => name !== key).map(([Prefix]) => ({ Prefix })),
  });
}

export async function deleteObjects(asked: S3Request): Promise<void> {
  const { store, request, at } = asked;
  const keys = textsOf('Key', await readXml(request));
  if (keys.length > mostKeys) throw new Refused('MalformedXML', `${keys.length} keys are too many`, 400);
  for (const key of keys) await store.remove({ ...at, key });
  answerXml(asked, 'DeleteResult', { Deleted: keys.map((Key) => ({ Key })) });
}

/** A form with a file, held to its policy. */
export async function postObject(asked: S3Request, identities: Identities | undefined): Promise<void> {
  const { store, request, response, at } = asked;
  const { bucket } = at;
  const { fields, filename, file } = await readForm(String(request.headers['content-type']), request);
  const grant = identities
    ? guardForm(identities, { bucket, fields, filename })
    : { key: fields.get('key') ?? '', least: 0, most: Number.POSITIVE_INFINITY };
  const draft = await store.draft(upTo(grant.most, file));
  if (draft.size < grant.least) {
    await store.discard(draft);
    throw new Refused('EntityTooSmall', `the file has ${draft.size} bytes, at least ${grant.least} are due`, 400);
  }
  const etag = `"${draft.md5.toString('hex')}"`;
  await keep(asked, draft, { bucket, key: grant.key }, { ...headOf(Object.fromEntries(fields)), etag });
  response.writeHead(204, { etag }).end();
}

async function* upTo(most: number, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > most)
      throw new Refused('EntityTooLarge', `the file has more than the ${most} bytes that are taken`, 400);
    yield chunk;
  }
}

/** @throws Refused */
export async function readXml(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > mostXmlBytes) throw new Refused('MalformedXML', 'the document is too long', 400);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
