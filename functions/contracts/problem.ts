import * as z from 'zod';

const errorTypes = [
  'invalid_request_error',
  'authentication_error',
  'permission_error',
  'not_found_error',
  'rate_limit_error',
  'server_error',
] as const;

interface Kind {
  readonly status: number;
  readonly type: (typeof errorTypes)[number];
  readonly title: string;
  /** Whether the same request may succeed later without costing anything twice. */
  readonly retry: boolean;
}

const kind = (status: number, type: Kind['type'], title: string, retry = false): Kind => ({
  ...{ status, type, title, retry },
});

/** All that can be wrong, by the code that callers see. */
export const problemKinds = {
  invalid_request: kind(400, 'invalid_request_error', 'The request is not valid'),
  invalid_json: kind(400, 'invalid_request_error', 'The body is not JSON'),
  unsupported_field: kind(400, 'invalid_request_error', 'The field asks for what these models do not do'),
  invalid_api_key: kind(401, 'authentication_error', 'There is no such key, or it is not in use'),
  insufficient_scope: kind(403, 'permission_error', 'The key is not for this'),
  not_found: kind(404, 'not_found_error', 'There is no such thing'),
  model_not_found: kind(404, 'not_found_error', 'There is no such model'),
  method_not_allowed: kind(405, 'invalid_request_error', 'The method is not one of this path'),
  request_timeout: kind(408, 'invalid_request_error', 'The request took too long to arrive', true),
  generation_cancelled: kind(409, 'invalid_request_error', 'The generation was cancelled'),
  body_too_large: kind(413, 'invalid_request_error', 'The body is too large'),
  unsupported_media_type: kind(415, 'invalid_request_error', 'The content type is not one that is read'),
  idempotency_mismatch: kind(422, 'invalid_request_error', 'The idempotency key was used for another request'),
  rate_limit_exceeded: kind(429, 'rate_limit_error', 'Too much at once', true),
  headers_too_large: kind(431, 'invalid_request_error', 'The headers are too large'),
  internal_error: kind(500, 'server_error', 'Slingshot failed'),
  bad_answer: kind(502, 'server_error', 'A model gave no usable answer'),
  endpoint_unavailable: kind(503, 'server_error', 'A model is not there', true),
  endpoint_waking: kind(503, 'server_error', 'A model wakes', true),
  store_unavailable: kind(503, 'server_error', 'The store is not there', true),
  not_ready: kind(503, 'server_error', 'The service is not ready', true),
  generation_timeout: kind(504, 'server_error', 'The generation took too long'),
} as const satisfies Record<string, Kind>;
export type ProblemCode = keyof typeof problemKinds;
export const problemCodes = Object.keys(problemKinds) as ProblemCode[];

/**
 * The one body of every error: a problem document (RFC 9457) whose `error` member is what OpenAI's clients read.
 */
export const problemSchema = z
  .strictObject({
    type: z.string().meta({ description: 'Which kind of problem it is, as an address relative to the service' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'What was wrong, where, and what would be right' }),
    instance: z.string().meta({ description: 'The request, by its id' }),
    error: z.strictObject({
      message: z.string(),
      type: z.enum(errorTypes),
      param: z.string().nullable().meta({ description: 'The field that is wrong' }),
      code: z.enum(problemCodes),
    }),
  })
  .meta({ id: 'Problem', description: 'A problem document, with the member that the clients of OpenAI read' });
export type Problem = z.infer<typeof problemSchema>;

export const problemContentType = 'application/problem+json';

export interface ProblemOptions extends ErrorOptions {
  readonly param?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Something that a caller is told in the form of a problem document. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ProblemCode;
  readonly param: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ProblemCode, detail: string, { param, headers = {}, ...options }: ProblemOptions = {}) {
    super(detail, options);
    this.code = code;
    this.param = param ?? null;
    this.headers = headers;
  }

  get status(): number {
    return problemKinds[this.code].status;
  }
}

/** @param requestId of the request that failed */
export function problemOf({ code, message, param }: ApiError, requestId: string): Problem {
  const { status, type, title } = problemKinds[code];
  return {
    type: `/errors/${code.replaceAll('_', '-')}`,
    ...{ title, status, detail: message },
    instance: `/requests/${requestId}`,
    error: { message, type, param, code },
  };
}

/** The headers that go with an error, so that clients know whether to try again. */
export function problemHeaders({ code, headers }: ApiError): Record<string, string> {
  const { retry, status } = problemKinds[code];
  const waits = retry && !('retry-after' in headers) && status >= 429 ? { 'retry-after': '1' } : {};
  return { 'content-type': problemContentType, 'x-should-retry': String(retry), ...waits, ...headers };
}
