import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ApiBatch,
  type ApiFile,
  type BatchRequest,
  batchSchema,
  fileSchema,
  largestSentFile,
} from '../functions/contracts/api/batches.ts';
import { uploadSchema } from '../functions/contracts/api/uploads.ts';
import { isEnded } from '../functions/contracts/batch/record.ts';
import { problemSchema } from '../functions/contracts/problem.ts';

export interface Access {
  /** Of the service. */
  readonly url: string;
  readonly key: string;
}

/** How often it is asked how a batch stands. */
const pollMilliseconds = 1_000;
/** How often a question is asked again that found nobody. */
const attempts = 5;

/** Batches over the API. All methods throw Error saying what the service said. */
export class BatchClient {
  readonly #access: Access;

  constructor(access: Access) {
    this.#access = access;
  }

  /** Sends a file: small ones with a request, others to the store itself. */
  async send(path: string): Promise<ApiFile> {
    const blob = await openAsBlob(path);
    const filename = basename(path);
    if (blob.size <= largestSentFile - 1024) {
      const form = new FormData();
      form.set('purpose', 'batch');
      form.set('file', blob, filename);
      return fileSchema.parse(await this.#json('POST', '/v1/files', form));
    }
    const asked = { purpose: 'batch', bytes: blob.size, filename };
    const { id, form } = uploadSchema.parse(await this.#json('POST', '/v1/uploads', asked));
    if (!form) throw new Error(`upload ${id}: there is no form for it`);
    const body = new FormData();
    for (const [name, value] of Object.entries(form.fields)) body.set(name, value);
    body.set('file', blob, filename);
    const { ok, status } = await fetch(form.url, { method: 'POST', body });
    if (!ok) throw new Error(`upload ${id}: the store answered ${status}`);
    return fileSchema.parse(await this.#json('POST', '/v1/files', { upload: id, purpose: 'batch' }));
  }

  async start(request: BatchRequest): Promise<ApiBatch> {
    return batchSchema.parse(await this.#json('POST', '/v1/batches', request));
  }

  async get(id: string): Promise<ApiBatch> {
    return batchSchema.parse(await this.#json('GET', `/v1/batches/${encodeURIComponent(id)}`));
  }

  async cancel(id: string): Promise<ApiBatch> {
    return batchSchema.parse(await this.#json('POST', `/v1/batches/${encodeURIComponent(id)}/cancel`));
  }

  async resume(id: string, changes: { readonly budgetTokens?: number }): Promise<ApiBatch> {
    return batchSchema.parse(await this.#json('POST', `/v1/batches/${encodeURIComponent(id)}/resume`, changes));
  }

  /** Asks until a batch has ended. @param onProgress told each time */
  async follow(id: string, onProgress: (batch: ApiBatch) => void = () => {}): Promise<ApiBatch> {
    for (;;) {
      const batch = await this.get(id);
      onProgress(batch);
      if (isEnded(batch.status)) return batch;
      await sleep(pollMilliseconds);
    }
  }

  /** A file's bytes as they come. */
  async content(id: string): Promise<AsyncIterable<Uint8Array>> {
    const { body } = await this.#fetch('GET', `/v1/files/${encodeURIComponent(id)}/content`);
    return (body ?? []) as AsyncIterable<Uint8Array>;
  }

  async #json(method: string, path: string, body?: object): Promise<unknown> {
    return (await this.#fetch(method, path, body)).json();
  }

  async #fetch(method: string, path: string, body?: object): Promise<Response> {
    const { url, key } = this.#access;
    const isForm = body instanceof FormData;
    const init: RequestInit = {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body && !isForm ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: isForm ? body : JSON.stringify(body) } : {}),
    };
    for (let attempt = 1; ; attempt++) {
      const answer = await fetch(new URL(path, url), init).catch((error: Error) => error);
      if (!(answer instanceof Error) && answer.ok) return answer;
      const again = method === 'GET' && attempt < attempts && (answer instanceof Error || answer.status >= 500);
      if (!again) throw answer instanceof Error ? unreachable(url, answer) : await refused(answer);
      await sleep(200 * 2 ** attempt);
    }
  }
}

function unreachable(url: string, { message, cause }: Error): Error {
  return new Error(`${url}: ${(cause as Error | undefined)?.message || message}`, { cause });
}

async function refused(answer: Response): Promise<Error> {
  const text = await answer.text();
  try {
    return new Error(problemSchema.parse(JSON.parse(text)).detail);
  } catch {
    return new Error(`the service answered ${answer.status}`);
  }
}
