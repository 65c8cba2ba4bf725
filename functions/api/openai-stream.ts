import type { CommittedLane, GenerationRecord } from '../contracts/generation-record.ts';
import { problemOf } from '../contracts/problem.ts';
import type { Numbered } from '../shared/generations/announcements.ts';
import { logger } from '../shared/lambda.ts';
import { logProblem } from '../shared/log-failure.ts';
import { apiErrorOf, endError } from './api-errors.ts';
import { toldDegraded } from './degraded.ts';
import { type OpenAiForm, secondsOf, stepsOf, usageOf } from './openai-form.ts';
import { comment, sse } from './sse.ts';
import { draftOf, sequenceOfReport } from './step-event.ts';
import { LastSteps, type TokenTexts, type ToldToken } from './told-tokens.ts';

export interface StreamOptions {
  readonly form: OpenAiForm;
  readonly record: GenerationRecord;
  /** Whether drafts are shown, in chunks that add no text. */
  readonly drafts: boolean;
  readonly includeUsage: boolean;
  /** Alternatives told of each token; none at all when absent. */
  readonly logprobs: number | undefined;
  readonly texts: TokenTexts;
  readonly requestId: string;
  /** The record as it is at the end. */
  readonly ended: () => Promise<GenerationRecord>;
}

/**
 * A generation as OpenAI's clients read a stream: unnamed events and comments only, committed text alone as text, an end
 * by [DONE] or by an error.
 */
export async function* openAiStream(
  events: AsyncIterable<Numbered | undefined>,
  options: StreamOptions,
): AsyncGenerator<string> {
  try {
    yield* chunksOf(events, options);
  } catch (error) {
    const told = apiErrorOf(error);
    logProblem(logger, told);
    yield sse({ error: problemOf(told, options.requestId).error });
  }
}

async function* chunksOf(events: AsyncIterable<Numbered | undefined>, options: StreamOptions): AsyncGenerator<string> {
  const { form, record, drafts, includeUsage } = options;
  const base = { id: record.id, object: form.chunkObject, created: secondsOf(record.createdAt), model: record.model };
  const chunk = (choices: readonly object[], more: object = {}, id?: number) =>
    sse({ ...base, choices, ...more }, id === undefined ? {} : { id });
  const last = new LastSteps();
  const seen = new Map<number, number>();
  yield comment('connected');
  for (const index of record.lanes.keys()) {
    const opening = form.opening(index);
    if (opening) yield chunk([opening]);
  }
  for await (const numbered of events) {
    if (!numbered) {
      yield comment('waiting');
      continue;
    }
    const { sequence, event } = numbered;
    if (event.kind === 'steps') {
      last.add(event.reports);
      for (const report of drafts ? event.reports : []) {
        const number = sequenceOfReport(sequence, event.reports[0], report);
        // A step that was run again is told once.
        if (number <= (seen.get(report.lane) ?? -1)) continue;
        seen.set(report.lane, number);
        const slingshot = { type: 'step', sequence: number, ...(await draftOf(report, options.texts)) };
        yield chunk([form.delta(report.lane, '', undefined, null)], { slingshot }, number);
      }
    } else if (event.kind === 'commit') {
      for (const lane of event.lanes) {
        const told = await toldOf(lane, event.block, last, options);
        const slingshot = { type: 'commit', sequence, block: event.block, ...toldDegraded(event) };
        yield chunk([form.delta(lane.lane, lane.text, told, null)], { slingshot }, sequence);
        // The last that says anything of the text says this, too: clients that read no member of ours read on.
        const without = event.degraded ? { slingshot: { type: 'degraded', ...toldDegraded(event) } } : {};
        if (lane.finish) yield chunk([form.delta(lane.lane, '', undefined, lane.finish)], without);
      }
    }
  }
  const ended = await options.ended();
  const failed = endError(ended);
  if (failed) throw failed;
  if (includeUsage) {
    const slingshot = { generation: ended.id, seed: ended.seed, steps: stepsOf(ended), ...toldDegraded(ended) };
    yield chunk([], { usage: usageOf(ended), slingshot });
  }
  yield sse('[DONE]');
}

async function toldOf(
  { lane, tokens }: CommittedLane,
  block: number,
  last: LastSteps,
  { logprobs, texts }: StreamOptions,
): Promise<readonly ToldToken[] | undefined> {
  if (logprobs === undefined) return undefined;
  const told = await last.told({ lane, block }, tokens, texts);
  return told.map(({ likely, ...rest }) => ({ ...rest, likely: likely.slice(0, logprobs) }));
}
