import { addKey } from '../../functions/shared/keys/key-store.ts';
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
  readonly idempotencyKey: string;
}

export async function makeApiWorld(): Promise<ApiWorld> {
  const service = await tinyService();
  await addTenant(service.administration, 'victim', 'large');
  const { key } = await addKey(service.administration, 'victim');
  const [own, foreign] = [await fill(service, service.keys.acme, 'own'), await fill(service, key, secret)];
  const paths = [
    '/v1/contexts',
    '/v1/usage',
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

async function fill(service: TinyService, key: string, word: string): Promise<Things> {
  const idempotencyKey = 'the-same-for-both';
  const context = await service.call('/v1/contexts', { key, body: { content: `A ${word}.` } });
  const upload = await service.call('/v1/uploads', { key, body: { purpose: 'context', bytes: 4 } });
  const generation = await service.call('/v1/generations', {
    ...{ key, headers: { prefer: 'wait=30', 'idempotency-key': idempotencyKey } },
    body: { ...short, prompt: `A ${word}` },
  });
  const idOf = async (response: Response) => ((await response.json()) as { id: string }).id;
  return {
    ...{ key, idempotencyKey, context: await idOf(context) },
    ...{ generation: await idOf(generation), upload: await idOf(upload) },
  };
}
