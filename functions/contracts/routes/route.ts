import type * as z from 'zod';
import type { Scope } from '../caller.ts';
import type { ProblemCode } from '../problem.ts';

export interface Answer {
  readonly description: string;
  readonly body?: z.ZodType;
  /** Also, or only, as server-sent events. */
  readonly events?: true;
  /** As bytes of any kind. */
  readonly bytes?: true;
}

/** One method of one path: what it takes and gives, and who may use it. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** As API Gateway and OpenAPI write it, `{id}` for a parameter. */
  readonly path: string;
  readonly summary: string;
  /** What a key must be for, or one of several things; none where no key is asked for. */
  readonly scope: Scope | readonly Scope[] | undefined;
  /** The function that answers: `stream` where an answer may take longer than a buffered one is given. */
  readonly function: 'api' | 'stream' | 'operate';
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Content types of the body beside JSON, which are taken as the member `content`. */
  readonly textTypes?: readonly string[];
  /** Whether it also takes a form of multipart/form-data, with the fields of this schema. */
  readonly form?: z.ZodObject;
  readonly headers?: z.ZodObject;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Beside those of every route with a key, and of every route with a body. */
  readonly errors: readonly ProblemCode[];
}
