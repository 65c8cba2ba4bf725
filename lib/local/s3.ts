import { buildApp } from 'fauxqs';
import type { LocalService } from './service.ts';

/** S3 on loopback, in memory: an object is there as a whole or not at all, and nothing is left on disk. */
export async function startS3(buckets: Iterable<string>): Promise<LocalService> {
  // Its own start function would listen on every interface.
  const server = buildApp({ logger: false });
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  for (const bucket of buckets) {
    const { statusCode, body } = await server.inject({ method: 'PUT', url: `/${bucket}` });
    if (statusCode !== 200) throw new Error(`the local S3 does not make a bucket ${bucket}: ${body}`);
  }
  return { environment: { AWS_ENDPOINT_URL_S3: url }, stop: () => server.close() };
}
