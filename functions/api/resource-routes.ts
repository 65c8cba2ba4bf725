import type { ApiContext } from '../contracts/api/resources.ts';
import { ApiError } from '../contracts/problem.ts';
import { loadDeployment } from '../prepare/load-deployment.ts';
import { contextIds } from '../prepare/prepare.ts';
import { type ContextRecord, deleteContext, getContext, listContexts, putContext } from '../shared/contexts.ts';
import { usageOf } from '../shared/metering.ts';
import { catalogFor, getServing } from '../shared/models/registered.ts';
import { deleteUpload } from '../shared/uploads.ts';
import type { HandlerOf } from './http.ts';
import { modelIds } from './models.ts';
import { secondsOf } from './openai-form.ts';
import { openApiDocument } from './openapi.ts';
import { receivedUpload, uploadedText } from './upload-routes.ts';

export const listModels: HandlerOf<'listModels'> = async ({ caller }) => {
  const deployed = await loadDeployment();
  const [catalog, { changedAt }] = await Promise.all([
    catalogFor(deployed.catalog, caller.tenant, ''),
    getServing(caller.tenant),
  ]);
  const data = modelIds(catalog, caller).map((id) => {
    const own = id.includes('+');
    const created = own ? Math.max(deployed.since, Date.parse(changedAt)) : deployed.since;
    const owner = own ? caller.tenant : 'slingshot';
    return { ...{ id, object: 'model', created: Math.floor(created / 1000) }, owned_by: owner };
  });
  return { status: 200, body: { object: 'list', data } };
};

const day = 86_400;
const usualContextSeconds = 7 * day;

export const createContext: HandlerOf<'createContext'> = async ({ caller, body }) => {
  const { upload, expires_after: seconds = usualContextSeconds } = body;
  const sent = upload === undefined ? undefined : await receivedUpload(caller.tenant, upload, 'context');
  const content = sent ? await uploadedText(caller.tenant, sent) : (body.content ?? '');
  const { tokenizer, config } = await loadDeployment();
  const tokens = (await contextIds(content, tokenizer)).length;
  // Beside a prompt of a token, and a block.
  const most = config.positions - config.block - 1;
  if (tokens > most || tokens === 0) {
    const param = sent ? 'upload' : 'content';
    const line =
      tokens === 0 ? `${param}: is empty` : `${param}: is ${tokens} tokens long; the models take at most ${most}`;
    throw new ApiError('invalid_request', line, { param });
  }
  const record = await putContext(caller.tenant, { text: content, tokens, seconds });
  if (sent) await deleteUpload(caller.tenant, sent);
  return { status: 201, headers: { location: `/v1/contexts/${record.id}` }, body: contextOf(record) };
};

export const listedContexts: HandlerOf<'listContexts'> = async ({ caller }) => ({
  status: 200,
  body: { object: 'list', data: (await listContexts(caller.tenant)).map(contextOf) },
});

export const gotContext: HandlerOf<'getContext'> = async ({ caller, params: { id } }) => {
  const record = await getContext(caller.tenant, id);
  if (!record) throw noContext(id);
  return { status: 200, body: contextOf(record) };
};

export const deletedContext: HandlerOf<'deleteContext'> = async ({ caller, params: { id } }) => {
  if (!(await deleteContext(caller.tenant, id))) throw noContext(id);
  return { status: 200, body: { id, object: 'context.deleted', deleted: true } };
};

function noContext(id: string): ApiError {
  return new ApiError('not_found', `there is no context ${JSON.stringify(id)}`, { param: 'id' });
}

function contextOf({ id, createdAt, expires, bytes, tokens, sha256 }: ContextRecord): ApiContext {
  return { id, object: 'context', created: secondsOf(createdAt), expires, bytes, tokens, sha256 };
}

const usualUsageDays = 30;

export const getUsage: HandlerOf<'getUsage'> = async ({ caller, query }) => {
  const isoDay = (milliseconds: number) => new Date(milliseconds).toISOString().slice(0, 10);
  const to = query.to ?? isoDay(Date.now());
  const from = query.from ?? isoDay(Date.parse(to) - usualUsageDays * day * 1000);
  const rows = await usageOf(caller.tenant, { from, to });
  const data = rows.map(({ day, model, keyId, requests, tokens, degradedTokens, steps, models }) => ({
    ...{ day, model, key: keyId, generations: requests, tokens, degraded_tokens: degradedTokens, steps },
    milliseconds: Object.values(models).reduce((sum, { milliseconds }) => sum + milliseconds, 0),
  }));
  return { status: 200, body: { object: 'list', data } };
};

let document: object | undefined;

export const getDocument: HandlerOf<'getDocument'> = async () => {
  document ??= openApiDocument();
  return { status: 200, body: document };
};
