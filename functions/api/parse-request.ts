import type { APIGatewayProxyEvent } from 'aws-lambda';
import type * as z from 'zod';
import { refusedNames } from '../contracts/api/fields.ts';
import { ApiError } from '../contracts/problem.ts';
import type { Route } from '../contracts/routes/route.ts';
import type { RouteId } from '../contracts/routes.ts';
import { routes } from '../contracts/routes.ts';
import type { RouteRequest } from './http.ts';
import type { MultipartBody } from './multipart.ts';

const multipart = 'multipart/form-data';

/** As much as a function's request takes, with room for what the gateway adds. */
export const maxBodyBytes = 4 * 2 ** 20;

/**
 * A request's parts by its route's schemas.
 *
 * @throws ApiError naming the field that is wrong
 */
export function parseRequest(id: RouteId, event: APIGatewayProxyEvent): Omit<RouteRequest<Route>, 'caller' | 'reader'> {
  const route: Route = routes[id];
  const headers = lowerCase(event.headers);
  return {
    params: checked(route.params, decoded(event.pathParameters), ''),
    // A query that no route asks for is passed over, as API Gateway does.
    query: route.query && checked(route.query, queryOf(event), ''),
    headers: checked(route.headers, headers, ''),
    body: route.body ? checkedBody(route, route.body, bodyOf(route, event, headers)) : undefined,
    requestId: event.requestContext.requestId,
  } as Omit<RouteRequest<Route>, 'caller' | 'reader'>;
}

/** HTTP's names of headers have no case. */
export function lowerCase(headers: Readonly<Record<string, string | undefined>> | null): Record<string, string> {
  const given = Object.entries(headers ?? {}).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name.toLowerCase(), value]));
}

/** API Gateway hands path parameters on as they were written. */
function decoded(parameters: APIGatewayProxyEvent['pathParameters']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters ?? {}).map(([name, value = '']) => {
      try {
        return [name, decodeURIComponent(value)];
      } catch {
        throw new ApiError('invalid_request', `${name}: is no text in percent-encoding`, { param: name });
      }
    }),
  );
}

function queryOf({ multiValueQueryStringParameters: values }: APIGatewayProxyEvent): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values ?? {}).map(([name, given = []]) => {
      if (given.length > 1) {
        throw new ApiError('invalid_request', `${name}: is there ${given.length} times`, { param: name });
      }
      return [name, given[0]];
    }),
  );
}

function bodyOf(route: Route, event: APIGatewayProxyEvent, headers: Readonly<Record<string, string>>): unknown {
  const type = (headers['content-type'] ?? 'application/json').split(';')[0].trim().toLowerCase();
  const known = ['application/json', ...(route.textTypes ?? []), ...(route.form ? [multipart] : [])];
  if (!known.includes(type)) {
    throw new ApiError('unsupported_media_type', `content-type: is ${JSON.stringify(type)}, not ${known.join(' or ')}`);
  }
  const bytes = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
  if (bytes.length > maxBodyBytes) {
    throw new ApiError('body_too_large', `the body has ${bytes.length} bytes, at most ${maxBodyBytes} are taken`);
  }
  if (type === multipart) return { contentType: headers['content-type'], bytes } satisfies MultipartBody;
  const text = utf8(bytes);
  if (type !== 'application/json') return { content: text };
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ApiError('invalid_json', `the body is not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** A form is taken apart, and checked, by its route's handler. */
function checkedBody({ form }: Route, schema: z.ZodType, body: unknown): unknown {
  const isForm = form && typeof body === 'object' && body !== null && 'contentType' in body;
  return isForm ? body : checked(schema, body, 'body');
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ApiError('invalid_json', 'the body is not UTF-8', { cause });
  }
}

function checked(schema: z.ZodType | undefined, value: unknown, whole: string): unknown {
  if (!schema) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const [first] = issue.path;
  if (typeof first === 'string' && refusedNames.has(first)) {
    const line = `${first}: is not something that a diffusion model of Slingshot does; leave it out`;
    throw new ApiError('unsupported_field', line, { param: first });
  }
  const unknownField = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const param = [...issue.path, ...(unknownField === undefined ? [] : [unknownField])].join('.') || whole;
  const line = unknownField === undefined ? issue.message : 'is no field that there is';
  throw new ApiError('invalid_request', `${param || 'the request'}: ${line}`, param ? { param } : {});
}
