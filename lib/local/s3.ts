import S3rver from 's3rver';

/** A bucket on loopback, in a folder. */
export async function localBucket(
  directory: string,
  name: string,
): Promise<{ url: string; stop: () => Promise<void> }> {
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory,
    configureBuckets: [{ name, configs: [] }],
  });
  const { port } = await server.run();
  return { url: `http://127.0.0.1:${port}`, stop: () => server.close() };
}
