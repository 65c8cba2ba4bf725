import type * as z from 'zod';
import type { Caller } from '../contracts/caller.ts';
import type { Route } from '../contracts/routes/route.ts';
import type { RouteId, routes } from '../contracts/routes.ts';

export type Headers = Readonly<Record<string, string>>;

/** What a route answers: a document, or text that comes as it is made. */
export type ApiResponse =
  | { readonly status: number; readonly headers?: Headers; readonly body: object }
  | { readonly status: number; readonly headers?: Headers; readonly events: AsyncIterable<string | Uint8Array> };

type Output<R, Part extends keyof Route> = R extends { readonly [P in Part]: infer Schema extends z.ZodType }
  ? z.output<Schema>
  : undefined;

/** Who waits for an answer, and for how long. */
export interface Reader {
  /** Aborted when whoever asked has gone. */
  readonly gone: AbortSignal;
  /** Until when an answer may come, in milliseconds since 1970. */
  readonly until: number;
}

/** A request that is as its route's schemas say. */
export interface RouteRequest<R extends Route> {
  readonly caller: R['scope'] extends undefined ? undefined : Caller;
  readonly params: Output<R, 'params'>;
  readonly query: Output<R, 'query'>;
  readonly headers: Output<R, 'headers'>;
  readonly body: Output<R, 'body'>;
  readonly requestId: string;
  readonly reader: Reader;
}

export type RequestOf<Id extends RouteId> = RouteRequest<(typeof routes)[Id]>;
export type HandlerOf<Id extends RouteId> = (request: RequestOf<Id>) => Promise<ApiResponse>;

/** The routes of one function. */
export type IdsOf<Name extends Route['function']> = {
  [Id in RouteId]: (typeof routes)[Id]['function'] extends Name ? Id : never;
}[RouteId];
export type Handlers<Name extends Route['function']> = { readonly [Id in IdsOf<Name>]: HandlerOf<Id> };
