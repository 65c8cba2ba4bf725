import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI, { toFile } from 'openai';
import type { Scope } from '../../functions/contracts/caller.ts';
import { readKey } from '../../functions/shared/keys/api-key.ts';
import { addKey } from '../../functions/shared/keys/key-store.ts';
import { addModel } from '../../lib/administration/models.ts';
import { addTenant } from '../../lib/administration/tenants.ts';
import { short, type TinyService, tinyService } from '../support/service.ts';
import { secret } from './world.ts';

/** What two tenants have that call the same API; the actor is `acme`. */
export interface ApiWorld {
  readonly service: TinyService;
  readonly own: Things;
  readonly foreign: Things;
  /** All of the other tenant's that its own key shows. */
  fingerprint(): Promise<string>;
  stop(): Promise<void>;
}

export interface Things {
  readonly key: string;
  readonly generation: string;
  readonly context: string;
  readonly upload: string;
  readonly file: string;
  readonly batch: string;
  readonly keyId: string;
  /** One that was registered. */
  readonly model: string;
  readonly idempotencyKey: string;
}

export async function makeApiWorld(): Promise<ApiWorld> {
  const service = await tinyService();
  await addTenant(service.administration, 'victim', 'large');
  const { key } = await addKey(service.administration, 'victim', { scopes: all });
  const acme = await service.keyFor(all);
  const own = { ...(await fill(service, acme, 'own')), model: '' };
  const { id: model } = await addModel(service.administration, 'victim', join(service.models, 'acme'), 1);
  const foreign = { ...(await fill(service, key, secret)), model };
  const paths = [
    ...['contexts', 'usage', 'files', 'batches', 'keys'].map((list) => `/v1/${list}`),
    `/v1/models/${model}`,
    `/v1/files/${foreign.file}/content`,
    ...['', '/events'].map((end) => `/v1/generations/${foreign.generation}${end}`),
  ];
  return {
    ...{ service, own, foreign },
    async fingerprint() {
      const answers = await Promise.all(paths.map((path) => service.call(path, { key: foreign.key })));
      return (await Promise.all(answers.map((answer) => answer.text()))).join('\n');
    },
    stop: () => service.stop(),
  };
}

const all: readonly Scope[] = ['generate', 'batch', 'read', 'admin'];

async function fill(service: TinyService, key: string, word: string): Promise<Omit<Things, 'model'>> {
  const idempotencyKey = 'the-same-for-both';
  const context = await service.call('/v1/contexts', { key, body: { content: `A ${word}.` } });
  const upload = await service.call('/v1/uploads', { key, body: { purpose: 'context', bytes: 4 } });
  const generation = await service.call('/v1/generations', {
    ...{ key, headers: { prefer: 'wait=30', 'idempotency-key': idempotencyKey } },
    body: { ...short, prompt: `A ${word}` },
  });
  const client = new OpenAI({ baseURL: `${service.url}/v1`, apiKey: key, maxRetries: 0 });
  const row = { id: word, prompt: `A ${word}`, max_tokens: 5, slingshot: { steps: 2 } };
  const file = await client.files.create({
    file: await toFile(Buffer.from(JSON.stringify(row)), 'rows'),
    purpose: 'batch',
  });
  const request = { input_file_id: file.id, endpoint: '/v1/completions', completion_window: '24h' } as const;
  const { id: batch } = await client.batches.create(request);
  while ((await client.batches.retrieve(batch)).status !== 'completed') await sleep(50);
  const idOf = async (response: Response) => ((await response.json()) as { id: string }).id;
  return {
    ...{ key, keyId: readKey(key)?.id ?? '', file: file.id, batch },
    ...{ idempotencyKey, context: await idOf(context) },
    ...{ generation: await idOf(generation), upload: await idOf(upload) },
  };
}
