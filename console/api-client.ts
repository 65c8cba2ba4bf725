import { createParser } from 'eventsource-parser';
import type { ApiBatch, ApiFile } from '../functions/contracts/api/batches.ts';
import type { ApiGeneration } from '../functions/contracts/api/generations.ts';
import type { ApiKeyInfo, ApiNewKey } from '../functions/contracts/api/keys.ts';
import type { ApiFleet, ApiMachine, TenantList } from '../functions/contracts/api/operations.ts';
import type { ApiContext, UsageReport } from '../functions/contracts/api/resources.ts';
import type { GenerationEvent } from './run/from-events.ts';

/** What the service refused, in its own words. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Whether a key is none, or no longer one. */
export const isKeyRefused = (error: unknown) => error instanceof Refused && error.status === 401;

export interface FollowOptions {
  readonly signal: AbortSignal;
  readonly onEvent: (event: GenerationEvent) => void;
  /** Called when the connection is lost, and when it is there again. */
  readonly onConnection: (connected: boolean) => void;
}

const firstWait = 300;
const longestWait = 5_000;

/** The public API, as the page uses it: same origin, one key. */
export class ApiClient {
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
  }

  async models(): Promise<string[]> {
    const { data } = await this.#json<{ data: { id: string }[] }>('/v1/models');
    return data.map(({ id }) => id);
  }

  create(body: object, signal: AbortSignal): Promise<ApiGeneration> {
    return this.#json('/v1/generations', { method: 'POST', body: JSON.stringify(body), signal });
  }

  /** Reaches the service even where the page is about to go. */
  cancel(id: string): Promise<ApiGeneration> {
    return this.#json(`/v1/generations/${encodeURIComponent(id)}`, { method: 'DELETE', keepalive: true });
  }

  createContext(content: string, seconds: number): Promise<ApiContext> {
    return this.#json('/v1/contexts', {
      method: 'POST',
      body: JSON.stringify({ content, expires_after: seconds }),
    });
  }

  async contexts(): Promise<ApiContext[]> {
    return (await this.#json<{ data: ApiContext[] }>('/v1/contexts')).data;
  }

  async deleteContext(id: string): Promise<void> {
    await this.#json(`/v1/contexts/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  async usage(): Promise<UsageReport['data']> {
    return (await this.#json<UsageReport>('/v1/usage')).data;
  }

  async keys(): Promise<ApiKeyInfo[]> {
    return (await this.#json<{ data: ApiKeyInfo[] }>('/v1/keys')).data;
  }

  createKey(label: string): Promise<ApiNewKey> {
    return this.#json('/v1/keys', { method: 'POST', body: JSON.stringify(label === '' ? {} : { label }) });
  }

  disableKey(id: string): Promise<ApiKeyInfo> {
    return this.#json(`/v1/keys/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  async batches(): Promise<ApiBatch[]> {
    return (await this.#json<{ data: ApiBatch[] }>('/v1/batches')).data;
  }

  /** Sends a file of rows, and has them run. */
  async startBatch(file: File, endpoint: string): Promise<ApiBatch> {
    const form = new FormData();
    form.set('purpose', 'batch');
    form.set('file', file);
    const sent = await this.#fetch('/v1/files', { method: 'POST', body: form });
    const { id } = (await sent.json()) as ApiFile;
    const body = JSON.stringify({ input_file_id: id, endpoint, completion_window: '24h' });
    return this.#json('/v1/batches', { method: 'POST', body });
  }

  cancelBatch(id: string): Promise<ApiBatch> {
    return this.#json(`/v1/batches/${encodeURIComponent(id)}/cancel`, { method: 'POST' });
  }

  resumeBatch(id: string): Promise<ApiBatch> {
    return this.#json(`/v1/batches/${encodeURIComponent(id)}/resume`, { method: 'POST', body: '{}' });
  }

  async fileContent(id: string): Promise<Blob> {
    return (await this.#fetch(`/v1/files/${encodeURIComponent(id)}/content`, {})).blob();
  }

  tenants(): Promise<TenantList> {
    return this.#json('/v1/operations/tenants');
  }

  fleet(): Promise<ApiFleet> {
    return this.#json('/v1/operations/fleet');
  }

  stateMachine(): Promise<ApiMachine> {
    return this.#json('/v1/operations/state-machine');
  }

  /**
   * Follows a generation to its end. When the connection is lost it goes on after the last event that came, for as long
   * as it takes.
   */
  async follow(id: string, { signal, onEvent, onConnection }: FollowOptions): Promise<void> {
    let last: string | undefined;
    let wait = firstWait;
    for (;;) {
      try {
        const response = await this.#fetch(`/v1/generations/${encodeURIComponent(id)}/events`, {
          signal,
          ...(last === undefined ? {} : { headers: { 'last-event-id': last } }),
        });
        onConnection(true);
        wait = firstWait;
        let ended = false;
        const parser = createParser({
          onEvent: ({ event = 'message', data, id }) => {
            if (id !== undefined) last = id;
            onEvent({ event, data });
            ended ||= event === 'done' || event === 'error';
          },
        });
        const text = (response.body as ReadableStream<Uint8Array<ArrayBuffer>>).pipeThrough(new TextDecoderStream());
        for await (const chunk of text) parser.feed(chunk);
        if (ended) return;
      } catch (error) {
        if (signal.aborted) throw error;
        // What the service refuses it refuses the next time, too.
        if (error instanceof Refused && error.status < 500) throw error;
      }
      signal.throwIfAborted();
      onConnection(false);
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(longestWait, wait * 2);
    }
  }

  async #json<T>(path: string, init: RequestInit = {}): Promise<T> {
    const response = await this.#fetch(path, { ...init, headers: { 'content-type': 'application/json' } });
    return response.json() as Promise<T>;
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const headers = { ...init.headers, authorization: `Bearer ${this.#key}` };
    const response = await fetch(path, { ...init, headers, cache: 'no-store', credentials: 'omit' });
    if (response.ok) return response;
    const problem = await response.json().catch(() => undefined);
    throw new Refused(response.status, problem?.error?.message ?? `the service answered ${response.status}`);
  }
}
