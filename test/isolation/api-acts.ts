import fc from 'fast-check';
import type { CallOptions } from '../support/service.ts';
import { short } from '../support/service.ts';
import type { ApiWorld } from './api-world.ts';
import { secret } from './world.ts';

/** Something that the actor asks the API for, about a thing of another's. */
export interface ApiAct {
  readonly name: string;
  /** @param id of the thing */
  ask(id: string): { readonly path: string } & CallOptions;
  /** An id of another's thing, and one of the same form that is nobody's. */
  readonly foreign: string;
  readonly absent: string;
}

export function apiActs({ foreign, own }: ApiWorld): fc.Arbitrary<ApiAct> {
  const hex = (length: number) =>
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
  const key = own.key;
  const about = (name: string, id: string, prefix: string, ask: (id: string) => { path: string } & CallOptions) =>
    hex(id.length - prefix.length).map((rest): ApiAct => {
      return { name, foreign: id, absent: prefix + rest, ask: (asked) => ({ key, ...ask(asked) }) };
    });
  const generations = ['GET', 'DELETE', 'events'].map((what) =>
    about(`generation, ${what}`, foreign.generation, 'gen_', (id) =>
      what === 'events' ? { path: `/v1/generations/${id}/events` } : { path: `/v1/generations/${id}`, method: what },
    ),
  );
  const contexts = ['GET', 'DELETE'].map((method) =>
    about(`context, ${method}`, foreign.context, 'ctx_', (id) => ({ path: `/v1/contexts/${id}`, method })),
  );
  const uploads = [
    about('upload, GET', foreign.upload, 'upl_', (id) => ({ path: `/v1/uploads/${id}` })),
    about('a context of an upload', foreign.upload, 'upl_', (upload) => ({ path: '/v1/contexts', body: { upload } })),
  ];
  const files = ['GET', 'DELETE', 'content'].map((what) =>
    about(`file, ${what}`, foreign.file, 'file-', (id) =>
      what === 'content' ? { path: `/v1/files/${id}/content` } : { path: `/v1/files/${id}`, method: what },
    ),
  );
  const batches = [
    about('batch, GET', foreign.batch, 'batch_', (id) => ({ path: `/v1/batches/${id}` })),
    ...['cancel', 'resume'].map((act) =>
      about(`batch, ${act}`, foreign.batch, 'batch_', (id) => ({ path: `/v1/batches/${id}/${act}`, body: {} })),
    ),
    about('a batch of a file', foreign.file, 'file-', (file) => ({
      path: '/v1/batches',
      body: { input_file_id: file, endpoint: '/v1/completions', completion_window: '24h' },
    })),
  ];
  const registered = [
    about('model, GET', foreign.model, 'mdl-', (id) => ({ path: `/v1/models/${id}` })),
    about('a model of an upload', foreign.upload, 'upl_', (upload) => ({ path: '/v1/models', body: { upload } })),
  ];
  const keys = about('key, DELETE', foreign.keyId, '', (id) => ({ path: `/v1/keys/${id}`, method: 'DELETE' }));
  const used = ['/v1/generations', '/v1/completions'].map((path) =>
    about(`${path} with a context`, foreign.context, 'ctx_', (context) => ({
      path,
      body: { ...short, model: 'core+acme', slingshot: { ...short.slingshot, context } },
    })),
  );
  const models = fc.string({ unit: fc.constantFrom(...'bcdeghjklm'), minLength: 6, maxLength: 6 }).map(
    (nobody): ApiAct => ({
      ...{ name: "another's model", foreign: 'victim', absent: nobody },
      ask: (tenant) => ({ key, path: '/v1/completions', body: { ...short, model: `core+${tenant}` } }),
    }),
  );
  return fc.oneof(...generations, ...contexts, ...uploads, ...files, ...batches, ...registered, keys, ...used, models);
}

/** An answer without what is another's in every answer, and with the id that was asked for by one name. */
export async function answerOf(response: Response, id: string): Promise<string> {
  const text = await response.text();
  if (text.includes(secret)) throw new Error(`was told ${text}`);
  const varying = new Set(['x-request-id', 'date']);
  const headers = [...response.headers].filter(([name]) => !varying.has(name));
  return JSON.stringify([response.status, headers, text])
    .replaceAll(id, 'ID')
    .replaceAll(/\/requests\/[0-9a-f-]+/g, '/requests/ID');
}
