import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addKey } from '../../functions/shared/keys/key-store.ts';
import { tenantPartition } from '../../lib/administration/administration.ts';
import { deleteTenant } from '../../lib/administration/delete-tenant.ts';
import { addModel } from '../../lib/administration/models.ts';
import { addTenant } from '../../lib/administration/tenants.ts';
import { short } from '../support/service.ts';
import { answerOf, apiActs } from './api-acts.ts';
import { type ApiWorld, makeApiWorld } from './api-world.ts';
import { secret } from './world.ts';

/** `npm run isolation` tries more. */
const tries = 80;

let world: ApiWorld;
beforeAll(async () => {
  world = await makeApiWorld();
});
afterAll(() => world.stop());

describe("with a tenant's key", () => {
  it("another tenant's things are answered for as those that never were, and stay as they are", async () => {
    const before = await world.fingerprint();
    expect(before).toContain(world.foreign.context);
    await fc.assert(
      fc.asyncProperty(apiActs(world), async ({ name, foreign, absent, ask }) => {
        const answers = [];
        for (const id of [foreign, absent]) {
          const { path, ...options } = ask(id);
          const response = await world.service.call(path, options);
          expect(response.status, name).toBeGreaterThanOrEqual(400);
          answers.push(await answerOf(response, id));
        }
        expect(answers[0], name).toBe(answers[1]);
      }),
      { numRuns: tries },
    );
    expect(await world.fingerprint()).toBe(before);
  });

  it('lists show what is its own', async () => {
    const { service, own, foreign } = world;
    for (const path of ['contexts', 'usage', 'models', 'files', 'batches', 'keys'].map((list) => `/v1/${list}`)) {
      const text = await (await service.call(path, { key: own.key })).text();
      const { context, generation, file, batch, keyId } = foreign;
      for (const word of [context, generation, file, batch, keyId, 'victim', secret])
        expect(text, path).not.toContain(word);
    }
    expect(await (await service.call('/v1/contexts')).text()).toContain(own.context);
  });

  it('that is deleted in the middle of a generation and a batch nothing is left, then or later', async () => {
    const { service } = world;
    const { administration, cloud } = service;
    await addTenant(administration, 'leaving', 'large');
    const { key } = await addKey(administration, 'leaving');
    const components = cloud.endpoints.size;
    await addModel(administration, 'leaving', join(service.models, 'acme'), 1);
    const client = new OpenAI({ baseURL: `${service.url}/v1`, apiKey: key });
    const rows = Array.from({ length: 40 }, (_, id) => ({ id: `${id}`, prompt: `To create ${id}`, max_tokens: 20 }));
    const text = rows.map((row) => JSON.stringify(row)).join('\n');
    const file = await client.files.create({ file: await toFile(Buffer.from(text), 'rows'), purpose: 'batch' });
    const asked = { input_file_id: file.id, endpoint: '/v1/completions', completion_window: '24h' } as const;
    const { id: batch } = await client.batches.create(asked);
    await expect
      .poll(async () => (await client.batches.retrieve(batch)).status, { timeout: 20_000 })
      .toBe('in_progress');
    const body = { ...short, max_tokens: 20, slingshot: { steps: 400 } };
    const started = await Promise.all([1, 2, 3].map(() => service.call('/v1/generations', { key, body })));
    expect(started.map(({ status }) => status)).toEqual([202, 202, 202]);
    const deletion = await deleteTenant(administration, 'leaving');
    expect(deletion).toMatchObject({ keys: 1, generationsStopped: 3, modelsRemoved: 1 });
    expect(cloud.endpoints.size).toBe(components);
    const left = async () => [
      await tenantPartition(administration, 'leaving').query({ prefix: '', expired: true }),
      (
        await administration.bucket.client.send(
          new ListObjectsV2Command({ Bucket: administration.bucket.name, Prefix: 'tenants/leaving/' }),
        )
      ).Contents,
      (
        await administration.bucket.client.send(
          new ListObjectsV2Command({ Bucket: cloud.modelStore, Prefix: 'models/leaving/' }),
        )
      ).Contents,
    ];
    expect(await left()).toEqual([[], undefined, undefined]);
    await sleep(2500);
    expect(await left()).toEqual([[], undefined, undefined]);
    // The key is remembered for a minute, and opens nothing.
    const late = await service.call('/v1/generations', { key, body });
    expect(late.status).toBeGreaterThanOrEqual(400);
    expect(late.status).toBeLessThan(500);
    expect(await left()).toEqual([[], undefined, undefined]);
  });

  it("an idempotency key of another's begins a generation of one's own", async () => {
    const { service, own, foreign } = world;
    const headers = { prefer: 'wait=30', 'idempotency-key': foreign.idempotencyKey };
    const body = { ...short, prompt: 'A own' };
    const answer = (await (await service.call('/v1/generations', { headers, body })).json()) as { id: string };
    expect(answer.id).toBe(own.generation);
  });
});
