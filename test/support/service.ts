import type { Scope } from '../../functions/contracts/caller.ts';
import type { Problem } from '../../functions/contracts/problem.ts';
import { addKey } from '../../functions/shared/keys/key-store.ts';
import { addTenant } from '../../lib/administration/tenants.ts';
import { DirectEngine } from '../../lib/direct-engine.ts';
import type { Fleet } from '../../lib/fleet.ts';
import { type ServiceHere, type ServiceOptions, startServiceHere } from '../../lib/local/service-here.ts';
import { checkedFetch } from './openapi-check.ts';
import { tinyFleet } from './tiny-fleet.ts';

export interface TinyService extends ServiceHere {
  /** The folder of its models. */
  readonly models: string;
  readonly fleet: Fleet;
  /** Of the tenant `acme`, which has a model of its own, and of `other`, which has none. */
  readonly keys: { readonly acme: string; readonly other: string };
  /** A key of acme for some things alone. */
  keyFor(scopes: readonly Scope[]): Promise<string>;
  /** Calls with acme's key, or another; the answer is held to the OpenAPI document. */
  call(path: string, options?: CallOptions): Promise<Response>;
  /** The same, read. */
  // biome-ignore lint/suspicious/noExplicitAny: held to the document's schemas by call itself
  json(path: string, options?: CallOptions): Promise<{ status: number; headers: Headers; body: any }>;
  /** The status, code and field of an error. */
  errorOf(path: string, options?: CallOptions): Promise<[number, string, string | null]>;
}

export interface CallOptions {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly key?: string | undefined;
  readonly signal?: AbortSignal;
}

/** The whole service over tiny models, or those of another fleet. */
export async function tinyService(
  options: Partial<ServiceOptions> = {},
  makeFleet: typeof tinyFleet = tinyFleet,
): Promise<TinyService> {
  const tiny = await makeFleet();
  const service = await startServiceHere(tiny.fleet, {
    ...{ kept: 64, state: 'ephemeral', endpointTimeoutMilliseconds: 1500 },
    ...options,
  });
  const { administration, url } = service;
  for (const name of ['acme', 'other']) await addTenant(administration, name, 'large');
  const keyOf = async (tenant: string, scopes?: readonly Scope[]) =>
    (await addKey(administration, tenant, scopes ? { scopes } : {})).key;
  const keys = { acme: await keyOf('acme'), other: await keyOf('other') };
  const call: TinyService['call'] = (path, { method, body, headers, key = keys.acme, signal } = {}) =>
    checkedFetch(url + path, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  return {
    ...{ ...service, models: tiny.folder, fleet: tiny.fleet, keys, call },
    keyFor: (scopes) => keyOf('acme', scopes),
    async errorOf(path, options) {
      const response = await call(path, options);
      const { error } = (await response.json()) as Problem;
      return [response.status, error.code, error.param];
    },
    async json(path, options) {
      const response = await call(path, options);
      return { status: response.status, headers: response.headers, body: await response.json() };
    },
    async stop() {
      await service.stop();
      await tiny.remove();
    },
  };
}

/** The same, and the plain loop over the same models, whose texts it must have. */
export async function serviceAndLoop(makeFleet?: typeof tinyFleet) {
  const service = await tinyService({}, makeFleet);
  const direct = await DirectEngine.start(service.fleet, { kept: 64 });
  const stop = async () => {
    await direct.stop();
    await service.stop();
  };
  return { service, direct, stop };
}

/** Fast to make with the tiny models. */
export const short = { model: 'core', prompt: 'To create a queue', max_tokens: 12, seed: 7, slingshot: { steps: 6 } };

/** The data of a stream's messages, and the names of those that have one. */
export async function messagesOf(response: Response): Promise<{ event: string; id: string; data: string }[]> {
  const blocks = (await response.text()).split('\n\n').filter((block) => block !== '' && !block.startsWith(':'));
  return blocks.map((block) => {
    const fields = new Map(block.split('\n').map((line) => [line.split(': ')[0], line.slice(line.indexOf(': ') + 2)]));
    return { event: fields.get('event') ?? '', id: fields.get('id') ?? '', data: fields.get('data') ?? '' };
  });
}
