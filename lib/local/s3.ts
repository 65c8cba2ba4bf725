import { buildApp } from 'fauxqs';
import type { LocalService } from './service.ts';

/** S3 on loopback, in memory: an object is there as a whole or not at all, and nothing is left on disk. */
export async function startS3(
  buckets: Iterable<string>,
  objects: readonly { readonly bucket: string; readonly key: string; readonly body: string }[] = [],
): Promise<LocalService> {
  // Its own start function would listen on every interface.
  const server = buildApp({ logger: false });
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  const put = async (url: string, payload?: string) => {
    const { statusCode, body } = await server.inject({ method: 'PUT', url, ...(payload ? { payload } : {}) });
    if (statusCode !== 200) throw new Error(`the local S3 does not make ${url}: ${body}`);
  };
  for (const bucket of new Set([...buckets, ...objects.map(({ bucket }) => bucket)])) await put(`/${bucket}`);
  for (const { bucket, key, body } of objects) await put(`/${bucket}/${key}`, body);
  return { environment: { AWS_ENDPOINT_URL_S3: url }, stop: () => server.close() };
}
