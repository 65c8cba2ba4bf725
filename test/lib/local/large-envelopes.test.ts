import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LaneEnvelopesMessage } from '../../../functions/contracts/generation.ts';
import type { Stored } from '../../../functions/contracts/stored.ts';
import { loadEnvelopes, storeEnvelopes } from '../../../functions/shared/envelope-store.ts';
import { withEnvironment } from '../../../functions/shared/environment.ts';
import { DirectEngine } from '../../../lib/direct-engine.ts';
import { LocalCloud } from '../../../lib/local/local-cloud.ts';
import { saveModel } from '../../../models/checkpoint/model-directory.ts';
import { compress } from '../../../models/ssd2/envelope.ts';
import type { LaneEnvelopes } from '../../../models/ssd2/generation.ts';
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

  const rows = (positions: number) => Float32Array.from({ length: positions * 300 }, (_, i) => -1 - Math.sin(i));
  const settings = () => ({ ...cloud.environment, SLINGSHOT_INLINE_BYTES: '1000' });
  const store = (envelopes: LaneEnvelopes, tenant: string | null = 'acme') =>
    withEnvironment(settings(), () => storeEnvelopes({ tenant }, envelopes));
  const load = (message: LaneEnvelopesMessage) => withEnvironment(settings(), () => loadEnvelopes('acme', message));
  const client = () => new S3Client({ forcePathStyle: true, credentials: cloud.operator });

  it('are stored under their digest and their tenant, once', async () => {
    const envelopes = [compress(rows(50), 300, kept), compress(rows(50), 300, kept)];
    const [first, second] = [await store({ lanes: [0, 2], envelopes }), await store({ lanes: [0, 2], envelopes })];
    expect(first).toEqual(second);
    expect(first).toMatchObject({
      lanes: [0, 2],
      envelopes: { key: expect.stringMatching(/^tenants\/acme\/envelopes\/[0-9a-f]{64}$/) },
    });
    expect(await load(first)).toEqual({ lanes: [0, 2], envelopes });
    const nobodys = await store({ lanes: [0], envelopes: [compress(rows(50), 300, kept)] }, null);
    expect(nobodys.envelopes).toMatchObject({ key: expect.stringMatching(/^shared\/envelopes\//) });
  });

  it('small enough stay inline', async () => {
    const envelopes = { lanes: [0], envelopes: [compress(rows(5), 300, 8)] };
    const message = await store(envelopes);
    expect(message.envelopes).toHaveProperty('inline');
    expect(await load(message)).toEqual(envelopes);
  });

  it('of which a part comes back are StoreUnavailable', async () => {
    const { envelopes } = await store({ lanes: [0], envelopes: [compress(rows(50), 300, kept)] });
    const { key } = envelopes as Stored;
    await client().send(new PutObjectCommand({ Bucket: cloud.environment.SLINGSHOT_BUCKET, Key: key, Body: 'cut' }));
    const failure = { name: 'StoreUnavailable', message: expect.stringContaining(`object ${key}: the 3 bytes`) };
    await expect(load({ lanes: [0], envelopes })).rejects.toThrow(expect.objectContaining(failure));
  });

  it('that are gone are StoreRejected, which no retry cures', async () => {
    const gone = { key: 'tenants/acme/envelopes/gone', sha256: '0'.repeat(64) };
    const failure = { name: 'StoreRejected', message: expect.stringContaining('NoSuchKey') };
    await expect(load({ lanes: [0], envelopes: gone })).rejects.toThrow(expect.objectContaining(failure));
  });
});
