import { Ajv2020 } from 'ajv/dist/2020.js';
import { openApiDocument } from '../../functions/api/openapi.ts';
import { matchRoute } from '../../lib/local/front/route-match.ts';

// biome-ignore lint/suspicious/noExplicitAny: a document's parts have any shape
const document: any = JSON.parse(JSON.stringify(openApiDocument()));
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
ajv.addSchema({ $id: 'document', components: document.components });

const references = (schema: unknown) =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"document#/components/'));
const known = new Map<string, ReturnType<typeof ajv.compile>>();

/**
 * Holds an answer to what the OpenAPI document says of its route, status and content type.
 *
 * @throws Error saying what of it the document does not have
 */
export async function checkAnswer(method: string, url: string, response: Response): Promise<Response> {
  const { pathname } = new URL(url);
  const match = matchRoute(method, pathname);
  // Where there is no route, or no such method, the body is a problem all the same.
  const operation = 'id' in match ? document.paths[match.route.path][method.toLowerCase()] : undefined;
  const where = `${method} ${pathname} ${response.status}`;
  const type = (response.headers.get('content-type') ?? '').split(';')[0];
  const answer = operation?.responses[response.status];
  if (operation && !answer) throw new Error(`${where}: the document has no such status; ${await response.text()}`);
  if (!response.headers.get('x-request-id')) throw new Error(`${where}: it has no x-request-id`);
  if (operation && !answer.content[type]) throw new Error(`${where}: the document has no ${type}`);
  if (answer && !type.endsWith('json')) return response;
  const schema = answer?.content[type].schema ?? { $ref: '#/components/schemas/Problem' };
  const key = JSON.stringify(schema);
  const validate = known.get(key) ?? ajv.compile(references(schema));
  known.set(key, validate);
  const text = await response.text();
  if (!validate(JSON.parse(text)))
    throw new Error(`${where}: ${ajv.errorsText(validate.errors)}; ${text.slice(0, 500)}`);
  return new Response(text, { status: response.status, headers: response.headers });
}

/** A fetch whose answers are held to the document. */
export const checkedFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  const url = input instanceof Request ? input.url : String(input);
  return checkAnswer((input instanceof Request ? input.method : init?.method) ?? 'GET', url, response);
};

export { document };
