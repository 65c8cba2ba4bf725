import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inlineLimitBytes, loadEnvelope, storeEnvelope } from '../../../functions/shared/envelope-store.ts';
import { withEnvironment } from '../../../functions/shared/environment.ts';
import { DirectEngine } from '../../../lib/direct-engine.ts';
import { LocalCloud } from '../../../lib/local/local-cloud.ts';
import { saveModel } from '../../../models/checkpoint/model-directory.ts';
import { compress } from '../../../models/ssd2/envelope.ts';
import { tinyConfig, tinyFleet, tinyTokenizer, tinyWeights } from '../../support/tiny-fleet.ts';

/** Blocks of 50 positions, of which every logit is kept: 50 * 300 * 2 bytes in base64 are 40,000, and ids as many. */
const config = { ...tinyConfig, block: 50, positions: 150 };
const kept = 299;

let tiny: Awaited<ReturnType<typeof tinyFleet>>;
let cloud: LocalCloud;
beforeAll(async () => {
  tiny = await tinyFleet();
  for (const [index, { directory }] of tiny.fleet.models.entries()) {
    await saveModel(directory, config, await tinyTokenizer(), tinyWeights(config, index + 1));
  }
  cloud = await LocalCloud.start(tiny.fleet, { kept, threads: 1 });
});
afterAll(async () => {
  await cloud.stop();
  await tiny.remove();
});

describe('envelopes too large to pass through a state machine', () => {
  it('go through the bucket, and the text is the same', async () => {
    const request = { prompt: 'To create a queue', tenant: 'acme', weight: 0.5, tokens: 60, steps: 4, seed: 3 };
    const direct = await DirectEngine.start(tiny.fleet, { kept });
    expect(await cloud.generate(request)).toEqual(await direct.generate(request));
    await direct.stop();
  });

  it('are stored under their digest, once', async () => {
    const envelope = compress(
      Float32Array.from({ length: 50 * 300 }, (_, i) => Math.sin(i)),
      300,
      kept,
    );
    const bucket = 'some-bucket';
    await new S3Client({ forcePathStyle: true }).send(new CreateBucketCommand({ Bucket: bucket }));
    const store = () => withEnvironment({ SLINGSHOT_BUCKET: bucket }, () => storeEnvelope(envelope));
    const [first, second] = [await store(), await store()];
    expect(first).toEqual(second);
    expect(first).toMatchObject({
      bucket: 'some-bucket',
      key: expect.stringMatching(/^envelopes\/[0-9a-f]{64}\.json$/),
    });
    expect(await loadEnvelope(first)).toEqual(envelope);
    expect(inlineLimitBytes).toBe(65_536);
  });

  it('small enough stay inline', async () => {
    const envelope = compress(new Float32Array(5 * 300), 300, 8);
    expect(await storeEnvelope(envelope)).toHaveProperty('inline');
  });
});
