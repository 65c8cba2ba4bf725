import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Refused } from '../iam/signature.ts';
import { withoutChunks } from './chunked.ts';
import type { Draft, ObjectFolder, ObjectHead, ObjectPlace } from './object-folder.ts';

export interface S3Request {
  readonly store: ObjectFolder;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly at: ObjectPlace;
  readonly query: URLSearchParams;
  readonly onCreated: (object: ObjectPlace) => void;
}

const noKey = () => new Refused('NoSuchKey', 'The specified key does not exist.', 404);

export async function getObject({ store, request, response, at }: S3Request): Promise<void> {
  const head = await store.head(at);
  if (!head) throw noKey();
  const range = rangeOf(request.headers.range, head.size);
  const { start, end } = range ?? { start: 0, end: head.size - 1 };
  response.writeHead(range ? 206 : 200, {
    ...headersOf(head),
    'content-length': Math.max(0, end - start + 1),
    ...(range ? { 'content-range': `bytes ${start}-${end}/${head.size}` } : {}),
  });
  if (request.method === 'HEAD') response.end();
  else if (end < head.beginning.length) response.end(head.beginning.subarray(start, end + 1));
  else await pipeline(store.read(at, { start, end }), response);
}

/** The bytes that are asked for, or undefined for all of them. @throws Refused */
function rangeOf(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(size - 1, Number(last));
  if (start > end) throw new Refused('InvalidRange', 'The requested range is not satisfiable', 416);
  return { start, end };
}

function headersOf({ etag, modified, type, metadata }: ObjectHead): Record<string, string> {
  return {
    etag,
    'last-modified': new Date(modified).toUTCString(),
    'accept-ranges': 'bytes',
    'content-type': type,
    ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])),
  };
}

export async function putObject(asked: S3Request): Promise<void> {
  const { store, request, response, at } = asked;
  const draft = await receive(store, request);
  const etag = `"${draft.md5.toString('hex')}"`;
  await keep(asked, draft, at, { ...headOf(request.headers), etag }, request.headers['if-none-match'] === '*');
  response.writeHead(200, { etag }).end();
}

/** @throws Refused */
export async function keep(
  { store, onCreated }: Pick<S3Request, 'store' | 'onCreated'>,
  draft: Draft,
  at: ObjectPlace,
  head: ObjectHead,
  onlyNew = false,
): Promise<void> {
  try {
    if (await store.keep(draft, at, head, onlyNew)) return onCreated(at);
  } catch (error) {
    await store.discard(draft);
    if (error instanceof RangeError) throw new Refused('MetadataTooLarge', error.message, 400);
    throw error;
  }
  await store.discard(draft);
  throw new Refused('PreconditionFailed', 'At least one of the preconditions you specified did not hold.', 412);
}

export function headOf(headers: IncomingMessage['headers']): Omit<ObjectHead, 'etag'> {
  const own = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'));
  return {
    modified: Date.now(),
    type: headers['content-type'] ?? 'binary/octet-stream',
    metadata: Object.fromEntries(own.map(([name, value]) => [name.slice('x-amz-meta-'.length), String(value)])),
  };
}

/**
 * A body, held to what was said of it: its length, its digest, its checksum.
 *
 * @throws Refused
 */
export async function receive(store: ObjectFolder, request: IncomingMessage): Promise<Draft> {
  const { headers } = request;
  const trailers = new Map<string, string>();
  const inChunks = String(headers['content-encoding']).includes('aws-chunked');
  const source = inChunks ? withoutChunks(request, trailers) : request;
  const draft = await store.draft(source).catch((cause: NodeJS.ErrnoException) => {
    // Of the disk, or of whoever sends.
    if (cause.syscall !== undefined && cause.code !== 'ECONNRESET') throw cause;
    throw new Refused('IncompleteBody', cause.message, 400);
  });
  const wrong = faultOf(draft, headers, trailers);
  if (!wrong) return draft;
  await store.discard(draft);
  throw wrong;
}

function faultOf(
  { size, sha256, md5, crc32 }: Draft,
  headers: IncomingMessage['headers'],
  trailers: ReadonlyMap<string, string>,
): Refused | undefined {
  const stated = String(headers['x-amz-content-sha256']);
  if (/^[0-9a-f]{64}$/.test(stated) && stated !== sha256) {
    return new Refused('XAmzContentSHA256Mismatch', 'the body is not that which was signed', 400);
  }
  const length = headers['x-amz-decoded-content-length'];
  if (length !== undefined && Number(length) !== size) {
    return new Refused('IncompleteBody', `the body has ${size} bytes, not ${length}`, 400);
  }
  const sum = headers['x-amz-checksum-crc32'] ?? trailers.get('x-amz-checksum-crc32');
  const digest = headers['content-md5'];
  if ((sum !== undefined && sum !== crc32) || (digest !== undefined && digest !== md5.toString('base64'))) {
    return new Refused('BadDigest', 'the body is not that of the checksum', 400);
  }
  return undefined;
}

export async function deleteObject({ store, response, at }: S3Request): Promise<void> {
  await store.remove(at);
  response.writeHead(204).end();
}
