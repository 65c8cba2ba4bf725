import * as z from 'zod';
import { createDocument, type ZodOpenApiPathsObject, type ZodOpenApiResponseObject } from 'zod-openapi';
import { problemContentType, problemKinds, problemSchema } from '../contracts/problem.ts';
import type { Answer, Route } from '../contracts/routes/route.ts';
import { errorsOf, routes } from '../contracts/routes.ts';

const security = 'key';
const version = '1';

const header = (schema: z.ZodType, description: string) => schema.optional().meta({ description });
const requestId = { 'x-request-id': z.string().meta({ description: 'In logs and in errors' }) };
const limits = {
  'retry-after': header(z.string(), 'Seconds until it is worth another try'),
  'x-should-retry': header(z.enum(['true', 'false']), 'Whether it is at all'),
};

/** The OpenAPI 3.1 document of the service. */
export function openApiDocument() {
  const paths: ZodOpenApiPathsObject = {};
  for (const [operationId, route] of Object.entries<Route>(routes)) {
    const { method, path } = route;
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation(operationId, route) };
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Slingshot',
      version,
      description:
        'Text from SSD-2 diffusion language models, in which a tenant’s small model corrects a large general one at every denoising step.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: { securitySchemes: { [security]: { type: 'http', scheme: 'bearer' } } },
  });
}

function operation(operationId: string, route: Route) {
  const { summary, scope, params, query, headers, body, textTypes = [], form } = route;
  const texts = textTypes.map((type) => [type, { schema: z.string() }]);
  return {
    ...{ operationId, summary },
    security: scope ? [{ [security]: [] }] : [],
    ...(scope ? { 'x-scope': scope } : {}),
    ...(params || query || headers
      ? {
          requestParams: {
            ...(params ? { path: params } : {}),
            ...(query ? { query } : {}),
            ...(headers ? { header: headers } : {}),
          },
        }
      : {}),
    ...(body
      ? {
          requestBody: {
            required: true,
            content: {
              'application/json': { schema: body },
              ...Object.fromEntries(texts),
              ...(form ? { 'multipart/form-data': { schema: form } } : {}),
            },
          },
        }
      : {}),
    responses: responsesOf(route),
  };
}

function responsesOf(route: Route): Record<`${1 | 2 | 3 | 4 | 5}${string}`, ZodOpenApiResponseObject> {
  const answers = Object.entries(route.answers).map(([status, answer]) => [status, response(answer)]);
  const codes = Map.groupBy(errorsOf(route), (code) => problemKinds[code].status);
  const errors = [...codes].map(([status, of]) => {
    const problem = { [problemContentType]: { schema: problemSchema } };
    const known = route.answers[status];
    return [
      status,
      {
        description: [known?.description, ...of.map((code) => `\`${code}\`: ${problemKinds[code].title}`)]
          .filter((part) => part !== undefined)
          .join('. '),
        headers: z.object({ ...requestId, ...limits }),
        content: { ...(known?.body ? { 'application/json': { schema: known.body } } : {}), ...problem },
      },
    ];
  });
  return Object.fromEntries([...answers, ...errors]);
}

function response({ description, body, events, bytes }: Answer): ZodOpenApiResponseObject {
  return {
    description,
    headers: z.object(requestId),
    content: {
      ...(body ? { 'application/json': { schema: body } } : {}),
      ...(events ? { 'text/event-stream': { schema: z.string() } } : {}),
      ...(bytes ? { 'application/octet-stream': { schema: z.string() } } : {}),
    },
  };
}
