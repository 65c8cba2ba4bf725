import { mkdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { Identities } from './iam/identities.ts';
import { guardBucket } from './iam/s3-guard.ts';
import { Refused } from './iam/signature.ts';
import { close, listen } from './listen.ts';
import { Resources } from './resources.ts';
import { deleteObjects, listBuckets, listObjects, postObject } from './s3/bucket-requests.ts';
import { MultipartUploads } from './s3/multipart-requests.ts';
import { ObjectFolder, type ObjectPlace } from './s3/object-folder.ts';
import { deleteObject, getObject, putObject, type S3Request } from './s3/object-requests.ts';
import { xml } from './s3/xml.ts';
import type { LocalService } from './service.ts';

export interface LocalS3Options {
  readonly buckets: Iterable<string>;
  readonly objects?: readonly { readonly bucket: string; readonly key: string; readonly body: string }[];
  /** Who may do what; everybody everything when absent. */
  readonly identities?: Identities;
  /** Where objects are kept; only as long as it runs when absent. */
  readonly folder?: string;
  /** Told of each object that is put, as the bucket tells EventBridge. */
  readonly onCreated?: (object: ObjectPlace) => void;
}

/** S3 on loopback, as far as Slingshot uses it: an object is there as a whole or not at all. */
export async function startS3({
  buckets,
  objects = [],
  identities,
  folder,
  onCreated = () => {},
}: LocalS3Options): Promise<LocalService> {
  const resources = new Resources();
  if (folder !== undefined) await mkdir(folder, { recursive: true });
  const store = await ObjectFolder.open(folder ?? resources.folder('slingshot-s3-'));
  for (const bucket of [...buckets, ...objects.map(({ bucket }) => bucket)]) await store.makeBucket(bucket);
  for (const { bucket, key, body } of objects) {
    const draft = await store.draft(Readable.from([Buffer.from(body)]));
    const etag = `"${draft.md5.toString('hex')}"`;
    await store.keep(draft, { bucket, key }, { etag, modified: Date.now(), type: 'application/json', metadata: {} });
  }
  const uploads = new MultipartUploads(store);
  const server = createServer((request, response) => void serve(request, response));
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    try {
      await answer({ ...askedOf(store, request, response), onCreated }, uploads, identities);
    } catch (error) {
      refuse(request, response, error);
    }
  };
  // A large file takes its time to arrive.
  server.requestTimeout = 0;
  return {
    environment: { AWS_ENDPOINT_URL_S3: await listen(server) },
    async stop() {
      await close(server);
      await resources.stop();
    },
  };
}

/** @throws Refused */
function askedOf(
  store: ObjectFolder,
  request: IncomingMessage,
  response: ServerResponse,
): Omit<S3Request, 'onCreated'> {
  const [path, search = ''] = (request.url ?? '/').split('?');
  const [bucket, ...rest] = path.slice(1).split('/');
  try {
    const at = { bucket: decodeURIComponent(bucket), key: decodeURIComponent(rest.join('/')) };
    return { store, request, response, at, query: new URLSearchParams(search) };
  } catch {
    throw new Refused('InvalidURI', "Couldn't parse the specified URI.", 400);
  }
}

async function answer(asked: S3Request, uploads: MultipartUploads, identities: Identities | undefined): Promise<void> {
  const { request, at, query } = asked;
  const { method = 'GET', url = '/', headers } = request;
  const isForm = method === 'POST' && at.key === '' && /^multipart\/form-data/i.test(String(headers['content-type']));
  if (isForm) return postObject(asked, identities);
  if (identities) {
    guardBucket(identities, { method, url, headers, ...at, query: Object.fromEntries(query) });
  }
  if (at.bucket === '') return method === 'GET' ? listBuckets(asked) : unknown();
  if (at.key === '') {
    if (method === 'GET' && !['lifecycle', 'uploads', 'versions'].some((one) => query.has(one)))
      return listObjects(asked);
    return method === 'POST' && query.has('delete') ? deleteObjects(asked) : unknown();
  }
  if (Object.keys(headers).some((name) => /^x-amz-(copy|rename)-source/.test(name))) return unknown();
  const ofUpload = query.has('uploadId');
  switch (method) {
    case 'GET':
    case 'HEAD':
      return ofUpload ? unknown() : getObject(asked);
    case 'PUT':
      return ofUpload ? uploads.part(asked) : putObject(asked);
    case 'DELETE':
      return ofUpload ? uploads.abort(asked) : deleteObject(asked);
    case 'POST':
      if (query.has('uploads')) return uploads.begin(asked);
      return ofUpload ? uploads.complete(asked) : unknown();
    default:
      return unknown();
  }
}

function unknown(): never {
  throw new Refused('NotImplemented', 'the local S3 does not do that', 501);
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const { code, message, status } =
    error instanceof Refused ? error : new Refused('InternalError', 'We encountered an internal error.', 500);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // What is left of the request is not read.
  if (!request.complete) response.setHeader('connection', 'close');
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(xml('Error', { Code: code, Message: message }));
}
