import type { ChatRequest } from '../contracts/api/chat.ts';
import type { CompletionRequest } from '../contracts/api/completions.ts';
import type { Caller } from '../contracts/caller.ts';
import { ApiError } from '../contracts/problem.ts';
import { loadDeployment } from '../prepare/load-deployment.ts';
import { eventsAfter } from '../shared/generations/event-store.ts';
import { endError } from './api-errors.ts';
import { type AskedText, chatAsked, completionAsked } from './asked-of.ts';
import { cancelGeneration } from './cancel.ts';
import { degradedHeaders, toldDegraded } from './degraded.ts';
import { awaitEnd, follow } from './follow.ts';
import type { ApiResponse, HandlerOf, Headers, Reader } from './http.ts';
import { chatForm, completionForm, type OpenAiForm, secondsOf, stepsOf, usageOf } from './openai-form.ts';
import { openAiStream } from './openai-stream.ts';
import { whenLeft } from './reader-left.ts';
import { eventStreamHeaders } from './sse.ts';
import { submit } from './submit.ts';
import { TokenTexts, type ToldToken, toldTokens } from './told-tokens.ts';

/** What both of OpenAI's routes come down to. */
interface Wanted {
  readonly form: OpenAiForm;
  readonly caller: Caller;
  readonly body: CompletionRequest | ChatRequest;
  readonly text: AskedText;
  /** Alternatives told of each token; none at all when absent. */
  readonly logprobs: number | undefined;
  readonly idempotencyKey: string | undefined;
  readonly requestId: string;
  readonly reader: Reader;
}

export const createCompletion: HandlerOf<'createCompletion'> = ({ caller, body, headers, requestId, reader }) =>
  answer({
    ...{ form: completionForm, caller, body, requestId, reader },
    text: completionAsked(body),
    logprobs: body.logprobs,
    idempotencyKey: headers['idempotency-key'],
  });

export const createChatCompletion: HandlerOf<'createChatCompletion'> = ({ caller, body, headers, requestId, reader }) =>
  answer({
    ...{ form: chatForm, caller, body, requestId, reader },
    text: chatAsked(body),
    logprobs: body.logprobs ? (body.top_logprobs ?? 0) : undefined,
    idempotencyKey: headers['idempotency-key'],
  });

async function answer(wanted: Wanted): Promise<ApiResponse> {
  const { form, caller, body, text, logprobs, idempotencyKey, requestId, reader } = wanted;
  if (text.suffix !== undefined && logprobs !== undefined) {
    throw new ApiError('unsupported_field', 'logprobs: go without suffix', { param: 'logprobs' });
  }
  const { slingshot } = text;
  const drafts = body.stream === true && (body.diffusing === true || slingshot.detail !== undefined);
  const { record, headers } = await submit({
    caller,
    asked: {
      ...text,
      watched: drafts || logprobs !== undefined,
      detailed: logprobs !== undefined || slingshot.detail === 'positions',
    },
    digestOf: { route: form.object, body },
    ...{ idempotencyKey, attached: true },
  });
  const { id, createdAt } = record;
  const followed = { tenant: caller.tenant, id, createdAt, attached: true };
  const texts = TokenTexts.of((await loadDeployment()).tokenizer);
  if (body.stream) {
    const left = () => cancelGeneration(caller.tenant, id);
    const events = openAiStream(whenLeft(follow(followed), left), {
      ...{ form, record, drafts, logprobs, texts, requestId },
      includeUsage: body.stream_options?.include_usage === true,
      ended: () => awaitEnd(followed, reader),
    });
    return { status: 200, headers: { ...eventStreamHeaders, ...headers }, events };
  }
  return whole(wanted, followed, texts, headers);
}

/** The answer in one piece, once all texts are there. */
async function whole(
  { form, logprobs, reader }: Wanted,
  followed: Parameters<typeof awaitEnd>[0],
  texts: TokenTexts,
  headers: Headers,
): Promise<ApiResponse> {
  const ended = await awaitEnd(followed, reader);
  if (ended.status === 'running') {
    await cancelGeneration(followed.tenant, followed.id);
    const code = reader.gone.aborted ? 'generation_cancelled' : 'generation_timeout';
    throw new ApiError(code, `generation ${followed.id} took longer than its answer was waited for`);
  }
  const failed = endError(ended);
  if (failed) throw failed;
  const { id, lanes, model, seed } = ended;
  let told: readonly (readonly ToldToken[])[] | undefined;
  if (logprobs !== undefined) {
    const all = await toldTokens(await eventsAfter(followed.tenant, id, -1), lanes.length, texts);
    told = all.map((own) => own.map(({ likely, ...rest }) => ({ ...rest, likely: likely.slice(0, logprobs) })));
  }
  const choices = lanes.map((lane, index) => form.choice(index, lane, told?.[index]));
  return {
    ...{ status: 200, headers: { ...headers, ...degradedHeaders(ended) } },
    body: {
      ...{ id, object: form.object, created: secondsOf(ended.createdAt), model, choices },
      usage: usageOf(ended),
      slingshot: { generation: id, seed, steps: stepsOf(ended), ...toldDegraded(ended) },
    },
  };
}
