import type * as z from 'zod';
import { refusedNames } from '../contracts/api/fields.ts';
import {
  type BatchEndpoint,
  batchEndpoints,
  batchLimits,
  bodySchemas,
  type NormalRow,
  plainRowSchema,
  type RowProblem,
} from '../contracts/batch/row.ts';

/** What a file's rows may leave to the batch. */
export interface RowDefaults {
  /** The only address that rows of OpenAI's form may name; any that there is when absent. */
  readonly endpoint?: BatchEndpoint | undefined;
  /** What a plain row's body has where the row says nothing. */
  readonly body: Readonly<Record<string, unknown>>;
}

export type ParsedRow = Omit<NormalRow, 'row'> | RowProblem;

export const isProblem = (row: ParsedRow): row is RowProblem => 'code' in row;

/** A line as a row that can be run, or what is wrong with it. */
export function parseRow(line: number, text: string, defaults: RowDefaults): ParsedRow {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return { line, id: null, code: 'not_json', message: `is not JSON: ${(cause as Error).message}`, param: null };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { line, id: null, code: 'not_an_object', message: 'is no JSON object', param: null };
  }
  const isOpenAi = 'custom_id' in value || 'url' in value || 'method' in value;
  return isOpenAi ? openAiRow(line, value, defaults) : plainRow(line, value, defaults);
}

function openAiRow(line: number, value: object, { endpoint }: RowDefaults): ParsedRow {
  const { custom_id: id, method, url, body } = value as Record<string, unknown>;
  const problem = (code: string, message: string, param: string): RowProblem => ({
    ...{ line, id: isId(id) ? id : null, code, message, param },
  });
  if (!isId(id)) {
    return problem(
      'invalid_custom_id',
      `custom_id: must be a text of 1 to ${batchLimits.idLength} characters`,
      'custom_id',
    );
  }
  if (method !== 'POST') return problem('invalid_method', 'method: must be POST', 'method');
  const known = endpoint ? [endpoint] : batchEndpoints;
  const address = known.find((one) => one === url);
  if (!address) return problem('invalid_url', `url: must be ${known.join(' or ')}`, 'url');
  if (typeof body !== 'object' || body === null) return problem('missing_body', 'body: must be an object', 'body');
  const wrong = firstProblem(bodySchemas[address], body);
  if (wrong) return problem(wrong.code, wrong.message, wrong.param);
  return { line, id, form: address, body: body as NormalRow['body'] };
}

function plainRow(line: number, value: object, { body: given }: RowDefaults): ParsedRow {
  const { id: own, ...rest } = value as Record<string, unknown>;
  const named = typeof own === 'string' || typeof own === 'number' ? String(own) : null;
  const body = { ...given, ...rest };
  const wrong = firstProblem(plainRowSchema, { ...(own === undefined ? {} : { id: own }), ...body });
  if (wrong) return { line, id: named, ...wrong };
  return { line, id: named ?? `line-${line}`, form: 'plain', body };
}

const isId = (id: unknown): id is string =>
  typeof id === 'string' && id.length > 0 && id.length <= batchLimits.idLength;

/** Members that ask for what an answer in a file has no place for. */
const onlyLive: Readonly<Record<string, string>> = {
  stream: 'a batch has no streams',
  logprobs: 'a batch has no log-probabilities',
};

function firstProblem(schema: z.ZodType, body: unknown): { code: string; message: string; param: string } | undefined {
  for (const [name, why] of Object.entries(onlyLive)) {
    if ((body as Record<string, unknown>)[name])
      return { code: 'unsupported_field', message: `${name}: ${why}`, param: name };
  }
  const result = schema.safeParse(body);
  if (result.success) return undefined;
  const [issue] = result.error.issues;
  const [first] = issue.path;
  if (typeof first === 'string' && refusedNames.has(first)) {
    const message = `${first}: is not something that a diffusion model of Slingshot does; leave it out`;
    return { code: 'unsupported_field', message, param: first };
  }
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const param = [...issue.path, ...(unknown === undefined ? [] : [unknown])].join('.') || 'body';
  const line = unknown === undefined ? issue.message : 'is no field that there is';
  return { code: 'invalid_request', message: `${param}: ${line}`, param };
}
