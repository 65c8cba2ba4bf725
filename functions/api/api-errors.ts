import type { GenerationRecord } from '../contracts/generation-record.ts';
import { ApiError, type ProblemCode } from '../contracts/problem.ts';
import { InvalidRequest, StoreRejected, StoreUnavailable } from '../shared/errors.ts';

/** What OpenAI's clients call a request's fields. */
const publicNames: Readonly<Record<string, string>> = {
  tokens: 'max_tokens',
  core: 'model',
  tenant: 'model',
  topP: 'top_p',
  ...Object.fromEntries(
    [
      ...['weight', 'contrast', 'context', 'degradation', 'tenantBlocks'],
      ...['steps', 'quality', 'selfConditioning', 'visit'],
    ].map((name) => [name, `slingshot.${name}`]),
  ),
};

/** Any error as callers are told it. What is no caller's business stays in the log. */
export function apiErrorOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof InvalidRequest) return invalid(error.message, error);
  if (error instanceof StoreUnavailable || error instanceof StoreRejected) {
    return new ApiError('store_unavailable', 'the store did not answer as it should; try again', { cause: error });
  }
  return new ApiError('internal_error', 'something failed that is not the request’s fault', { cause: error });
}

/** The line says which field first: `tokens: are too many`. */
function invalid(line: string, cause?: Error): ApiError {
  const options = cause ? { cause } : {};
  const [, field, rest] = /^([A-Za-z]+): (.*)$/s.exec(line) ?? [];
  if (field === undefined) return new ApiError('invalid_request', line, options);
  const param = publicNames[field] ?? field;
  return new ApiError('invalid_request', `${param}: ${rest}`, { param, ...options });
}

type Told = readonly [ProblemCode, string];

const failed: Told = ['internal_error', 'the generation failed'];
const unavailable: Told = ['not_ready', 'a part of the service did not answer'];

/** Whether an error is Lambda's or Step Functions' own. */
function isOfService(name: string): boolean {
  return /^(Lambda|Runtime|Sandbox|Sfn|SFN)\./.test(name);
}

/** When it is worth asking again whether a component is there. */
const wakingSeconds = 60;

const failures: Readonly<Record<string, Told>> = {
  EndpointUnavailable: ['endpoint_unavailable', 'a model did not answer'],
  EndpointWaking: [
    'endpoint_waking',
    'the tenant’s model had gone to sleep and wakes, which takes longer than was waited for',
  ],
  EndpointTimeout: ['generation_timeout', 'a model did not answer in time'],
  BlockTimedOut: ['generation_timeout', 'a block took too long'],
  GenerationTimedOut: ['generation_timeout', 'the generation took too long'],
  GenerationNotStarted: unavailable,
  FunctionTimeout: ['generation_timeout', 'a step took too long'],
  'Sandbox.Timedout': ['generation_timeout', 'a step took too long'],
  'States.Timeout': ['generation_timeout', 'a step took too long'],
  EndpointRejected: ['bad_answer', 'a model refused what it was asked'],
  BadAnswer: ['bad_answer', 'a model answered something else than it was asked for'],
  StoreUnavailable: ['store_unavailable', 'the store did not answer as it should'],
  StoreRejected: ['store_unavailable', 'the store did not answer as it should'],
};

/** The code by which callers know an error of a generation. */
export function failureCode(name: string): ProblemCode {
  return (failures[name] ?? (isOfService(name) ? unavailable : failed))[0];
}

/** Why a generation that ended has no whole text; undefined when it has. */
export function endError({
  id,
  status,
  error,
}: Pick<GenerationRecord, 'id' | 'status' | 'error'>): ApiError | undefined {
  if (status === 'cancelled') return new ApiError('generation_cancelled', `generation ${id} was cancelled`);
  if (status !== 'failed') return undefined;
  if (error?.code === 'InvalidRequest') return invalid(error.message);
  const name = error?.code ?? '';
  const [code, line] = failures[name] ?? (isOfService(name) ? unavailable : failed);
  const cause = Object.assign(new Error(error?.message), { name });
  const later = code === 'endpoint_waking' ? { headers: { 'retry-after': String(wakingSeconds) } } : {};
  return new ApiError(code, `${line}: generation ${id}`, { cause, ...later });
}
