import type { ApiGeneration } from '../contracts/api/generations.ts';
import { type GenerationRecord, lastSequence } from '../contracts/generation-record.ts';
import { ApiError, problemOf } from '../contracts/problem.ts';
import { longestWait } from '../contracts/routes/texts.ts';
import { loadDeployment } from '../prepare/load-deployment.ts';
import type { Numbered } from '../shared/generations/announcements.ts';
import { getRecord } from '../shared/generations/record-store.ts';
import { endError } from './api-errors.ts';
import { generationAsked } from './asked-of.ts';
import { cancelGeneration } from './cancel.ts';
import { degradedHeaders, toldDegraded } from './degraded.ts';
import { awaitEnd, follow } from './follow.ts';
import type { HandlerOf } from './http.ts';
import { secondsOf, stepsOf, usageOf } from './openai-form.ts';
import { comment, eventStreamHeaders, sse } from './sse.ts';
import { draftOf, sequenceOfReport } from './step-event.ts';
import { submit } from './submit.ts';
import { TokenTexts } from './told-tokens.ts';

export const createGeneration: HandlerOf<'createGeneration'> = async ({ caller, body, headers, requestId, reader }) => {
  const { slingshot = {}, metadata } = body;
  const wait = waitOf(headers.prefer);
  const { record, headers: limits } = await submit({
    caller,
    asked: {
      ...generationAsked(body),
      watched: body.events === true || slingshot.detail !== undefined,
      detailed: slingshot.detail === 'positions',
    },
    digestOf: { route: 'generations', body },
    ...{ idempotencyKey: headers['idempotency-key'], attached: false, metadata },
  });
  const { id, createdAt } = record;
  const followed = { tenant: caller.tenant, id, createdAt, attached: false };
  const now = wait > 0 ? await awaitEnd(followed, { ...reader, until: Date.now() + 1000 * wait }) : record;
  return {
    status: now.status === 'running' ? 202 : 200,
    headers: {
      location: `/v1/generations/${id}`,
      ...(wait > 0 ? { 'preference-applied': `wait=${wait}` } : {}),
      ...limits,
      ...degradedHeaders(now),
    },
    body: resourceOf(now, requestId),
  };
};

/** Seconds of RFC 7240's preference. @throws ApiError when they are none */
function waitOf(prefer: string | undefined): number {
  const [, given] = /(?:^|[,;\s])wait=([^,;\s]*)/.exec(prefer ?? '') ?? [];
  if (given === undefined) return 0;
  if (/^\d{1,6}$/.test(given)) return Math.min(Number(given), longestWait);
  throw new ApiError('invalid_request', `prefer: wait=${given} is no number of seconds`, { param: 'prefer' });
}

export const getGeneration: HandlerOf<'getGeneration'> = async ({ caller, params, requestId }) => {
  const record = found(await getRecord(caller.tenant, params.id), params.id);
  return { status: 200, headers: degradedHeaders(record), body: resourceOf(record, requestId) };
};

export const cancelledGeneration: HandlerOf<'cancelGeneration'> = async ({ caller, params, requestId }) => ({
  status: 200,
  body: resourceOf(found(await cancelGeneration(caller.tenant, params.id), params.id), requestId),
});

export const getGenerationEvents: HandlerOf<'getGenerationEvents'> = async ({ caller, params, headers, requestId }) => {
  const { tenant } = caller;
  const { id, createdAt } = found(await getRecord(tenant, params.id), params.id);
  const after = headers['last-event-id'] === undefined ? -1 : Number(headers['last-event-id']);
  const texts = TokenTexts.of((await loadDeployment()).tokenizer);
  const ended = async () => resourceOf(found(await getRecord(tenant, id), id), requestId);
  // From the beginning, since an item may hold steps on both sides of the number.
  const events = follow({ tenant, id, createdAt, attached: false });
  return { status: 200, headers: eventStreamHeaders, events: namedEvents(events, after, texts, ended) };
};

/** A generation's events by name, for browsers and for whoever reads every step. */
async function* namedEvents(
  events: AsyncIterable<Numbered | undefined>,
  after: number,
  texts: TokenTexts,
  ended: () => Promise<ApiGeneration>,
): AsyncGenerator<string> {
  yield comment('connected');
  let last = after;
  for await (const numbered of events) {
    if (!numbered) {
      yield comment('waiting');
      continue;
    }
    const { sequence, event } = numbered;
    if (event.kind === 'steps') {
      const steps = Map.groupBy(event.reports, (report) => sequenceOfReport(sequence, event.reports[0], report));
      for (const [id, reports] of steps) {
        // A step that was run again is told once.
        if (id <= last) continue;
        last = id;
        const choices = await Promise.all(reports.map((report) => draftOf(report, texts)));
        yield sse({ sequence: id, choices }, { event: 'step', id });
      }
    } else if (event.kind === 'commit' && sequence > last) {
      const choices = event.lanes.map(({ lane, text, tokens, finish }) => ({
        ...{ index: lane, text, tokens, finish_reason: finish },
      }));
      const told = { sequence, block: event.block, choices, ...toldDegraded(event) };
      yield sse(told, { event: 'commit', id: sequence });
      last = sequence;
    }
  }
  const generation = await ended();
  yield sse(generation, { event: generation.error ? 'error' : 'done', id: lastSequence });
}

function found(record: GenerationRecord | undefined, id: string): GenerationRecord {
  if (record) return record;
  throw new ApiError('not_found', `there is no generation ${JSON.stringify(id)}`, { param: 'id' });
}

function resourceOf(record: GenerationRecord, requestId: string): ApiGeneration {
  const { id, status, createdAt, endedAt, model, seed, lanes, metadata = {} } = record;
  const error = status === 'failed' ? endError(record) : undefined;
  return {
    ...{ id, object: 'generation', status, created: secondsOf(createdAt), model, seed, metadata },
    ended: endedAt === undefined ? null : secondsOf(endedAt),
    choices: lanes.map(({ text, tokens, finish }, index) => ({ index, text, tokens, finish_reason: finish })),
    ...{ usage: usageOf(record), steps: stepsOf(record) },
    ...toldDegraded(record),
    error: error ? problemOf(error, requestId).error : null,
  };
}
