import { createServer, type Server } from 'node:http';
import { GetObjectCommand, ListBucketsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { GenerationRequest } from '../../../functions/contracts/request.ts';
import { close, listen } from '../../../lib/local/listen.ts';
import { LocalCloud } from '../../../lib/local/local-cloud.ts';
import { loadTokenizer } from '../../../models/checkpoint/model-directory.ts';
import { tinyFleet } from '../../support/tiny-fleet.ts';

const words = 'Zanzibar quokka';
const request: GenerationRequest = {
  ...{ prompt: 'To', tenant: 'acme', weight: 0.5, context: words, contrast: 0.5, selfConditioning: 'own' },
  ...{ tokens: 5, steps: 4, stopAt: 0 },
};

let tiny: Awaited<ReturnType<typeof tinyFleet>>;
let cloud: LocalCloud;
let core: Server;
let failing = false;
/** What a tenant's words, or their tokens one after another, must not be in. */
const seen: string[] = [];
const sentToCore: string[] = [];
let marks: string[];

beforeAll(async () => {
  tiny = await tinyFleet();
  const ids = await (await loadTokenizer(tiny.fleet.core.directory)).encode(words);
  marks = ['Zanzibar', 'quokka', ids.join(','), ids.join(', ')];
  cloud = await LocalCloud.start(tiny.fleet, {
    threads: 1,
    watch: (_, event) => seen.push(JSON.stringify(event, (_, value) => (value instanceof Error ? value.stack : value))),
    onStep: (step) => seen.push(JSON.stringify(step)),
  });
  const { logger } = await import('../../../functions/shared/lambda.ts');
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    vi.spyOn(logger, level).mockImplementation((...line) => {
      seen.push(line.map((part) => (part instanceof Error ? String(part.stack) : JSON.stringify(part))).join(' '));
    });
  }
  const container = cloud.endpoints.get('slingshot-core');
  core = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    sentToCore.push(`${JSON.stringify(incoming.headers)} ${body.toString('latin1')}`);
    if (failing) return void outgoing.writeHead(400).end('{"error":"no"}');
    const answer = await fetch(`${container}/invocations`, { method: 'POST', body });
    outgoing.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
  });
  cloud.endpoints.set('slingshot-core', await listen(core));
});
afterAll(async () => {
  vi.restoreAllMocks();
  await cloud.stop();
  await close(core);
  await tiny.remove();
});

function expectUnmarked(texts: readonly string[]): void {
  expect(texts.length).toBeGreaterThan(0);
  for (const text of texts) for (const mark of marks) expect(text).not.toContain(mark);
}

describe("a tenant's private words", () => {
  it.each([1, 4])('are in no state, history, report, log line or byte to the core, in visits of %i', async (visit) => {
    seen.length = 0;
    sentToCore.length = 0;
    await cloud.generate({ ...request, visit });
    expectUnmarked(seen);
    expectUnmarked(sentToCore);
    // Otherwise the search would find nothing anywhere.
    expect(seen.join()).toContain('"tenant":"acme"');
    expect(sentToCore).toHaveLength(4);
    // The core is not told whose question it answers.
    expect(sentToCore.join()).not.toContain('acme');
  });

  it('are in no error', async () => {
    failing = true;
    seen.length = 0;
    const failure = await cloud.generate(request).catch((error: Error) => String(error.stack));
    failing = false;
    expectUnmarked([String(failure), ...seen]);
    expect(seen.join()).toContain('EndpointRejected');
  });

  it("lie in the bucket under their tenant's prefix alone, and in no object's name", async () => {
    const client = new S3Client({ forcePathStyle: true, credentials: cloud.operator });
    const { Buckets = [] } = await client.send(new ListBucketsCommand());
    const holders: string[] = [];
    for (const { Name: Bucket } of Buckets) {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
      expectUnmarked(['', ...Contents.map(({ Key = '' }) => Key)]);
      for (const { Key = '' } of Contents) {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
        if ((await Body?.transformToString())?.includes('quokka')) holders.push(Key);
      }
    }
    expect(holders).toHaveLength(1);
    expect(holders[0]).toMatch(/^tenants\/acme\/contexts\/[0-9a-f]{64}$/);
    // Not even functions read them but in a session of the tenant.
    const own = new S3Client({ forcePathStyle: true });
    const command = new GetObjectCommand({ Bucket: cloud.environment.SLINGSHOT_BUCKET, Key: holders[0] });
    await expect(own.send(command)).rejects.toThrow('s3:GetObject is not allowed');
    client.destroy();
    own.destroy();
  });
});
