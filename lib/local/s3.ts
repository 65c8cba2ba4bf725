import { buildApp } from 'fauxqs';
import type { Identities } from './iam/identities.ts';
import { guardBucket } from './iam/s3-guard.ts';
import { Refused } from './iam/signature.ts';
import { persistentStores } from './s3-folder.ts';
import type { LocalService } from './service.ts';

export interface LocalS3Options {
  readonly buckets: Iterable<string>;
  readonly objects?: readonly { readonly bucket: string; readonly key: string; readonly body: string }[];
  /** Who may do what; everybody everything when absent. */
  readonly identities?: Identities;
  /** Where objects are kept; in memory when absent. */
  readonly folder?: string;
  /** Told of each object that is put, as the bucket tells EventBridge. */
  readonly onCreated?: (object: { readonly bucket: string; readonly key: string }) => void;
}

/** S3 on loopback: an object is there as a whole or not at all. */
export async function startS3({
  buckets,
  objects = [],
  identities,
  folder,
  onCreated,
}: LocalS3Options): Promise<LocalService> {
  // Its own start function would listen on every interface.
  const server = buildApp({ logger: false, ...(folder ? { stores: await persistentStores(folder) } : {}) });
  let guarded = false;
  server.addHook('preHandler', async ({ method, url, headers, body, params, query }, reply) => {
    if (!identities || !guarded) return;
    const { bucket = '', '*': key = '' } = params as Record<string, string | undefined>;
    const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
    const request = { method, url, headers, body: bytes, bucket, key, query: query as Record<string, unknown> };
    try {
      await guardBucket(identities, request);
    } catch (error) {
      const { code, message, status } = error instanceof Refused ? error : new Refused('InternalError', '', 500);
      return reply
        .status(status)
        .header('content-type', 'application/xml')
        .send(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`);
    }
  });
  if (onCreated) {
    server.addHook('onResponse', async ({ method, params, query }, { statusCode }) => {
      const { bucket = '', '*': key = '' } = params as Record<string, string | undefined>;
      const { uploadId } = query as { uploadId?: string };
      // Parts of an object are none; what ends an upload makes one.
      const makes = uploadId === undefined ? method === 'PUT' : method === 'POST';
      if (guarded && key !== '' && makes && statusCode === 200) onCreated({ bucket, key });
    });
  }
  const put = async (url: string, payload?: string) => {
    const { statusCode, body } = await server.inject({ method: 'PUT', url, ...(payload ? { payload } : {}) });
    if (statusCode !== 200) throw new Error(`the local S3 does not make ${url}: ${body}`);
  };
  const present = new Set((await server.inject('/')).body.match(/(?<=<Name>)[^<]+/g));
  const wanted = new Set([...buckets, ...objects.map(({ bucket }) => bucket)]);
  for (const bucket of wanted) if (!present.has(bucket)) await put(`/${bucket}`);
  for (const { bucket, key, body } of objects) await put(`/${bucket}/${key}`, body);
  guarded = true;
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  return { environment: { AWS_ENDPOINT_URL_S3: url }, stop: () => server.close() };
}
