import { createHash, randomUUID } from 'node:crypto';
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { stepsToRun } from '../../models/ssd2/halting.ts';
import type { Caller } from '../contracts/caller.ts';
import type { GenerationRecord } from '../contracts/generation-record.ts';
import { ApiError } from '../contracts/problem.ts';
import type { ServiceInput, ServiceRequest } from '../contracts/request.ts';
import type { Stored } from '../contracts/stored.ts';
import type { Prepared } from '../prepare/prepare.ts';
import { admit, release } from '../shared/admission.ts';
import { connections } from '../shared/connections.ts';
import { setting } from '../shared/environment.ts';
import { keepForFollower } from '../shared/generations/announcements.ts';
import { endGeneration } from '../shared/generations/end-generation.ts';
import { createRecord, forgetRecord, getRecord, readerMilliseconds } from '../shared/generations/record-store.ts';
import { logger } from '../shared/lambda.ts';
import { observeThrottle } from '../shared/observe.ts';
import { storableRequest } from '../shared/request-store.ts';
import { expiryAttribute } from '../shared/table/partition.ts';
import { TenantTable } from '../shared/table/tenant-table.ts';
import type { Headers } from './http.ts';
import { prepareAsked } from './prepare-asked.ts';
import { rateLimitHeaders } from './rate-limits.ts';
import type { Asked } from './service-request.ts';

const day = 86_400;
/** A generation is readable for a month, and found again by its idempotency key for a day. */
const recordSeconds = 30 * day;
const idempotencySeconds = day;

export interface Submission {
  readonly caller: Caller;
  readonly asked: Asked;
  /** The route and the body, by which a request with the same idempotency key must be the same. */
  readonly digestOf: unknown;
  readonly idempotencyKey: string | undefined;
  /** Whether it belongs to a connection, and ends with it. */
  readonly attached: boolean;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

export interface Submitted {
  readonly record: GenerationRecord;
  readonly headers: Headers;
}

let client: SFNClient | undefined;

/**
 * Starts a generation, or finds the one that was started under the same idempotency key. What can be told to be wrong
 * with a request is told before anything is taken for it.
 *
 * @throws ApiError, InvalidRequest, StoreUnavailable
 */
export async function submit(submission: Submission): Promise<Submitted> {
  const { caller, asked } = submission;
  const { request, prepared } = await prepareAsked(caller, asked);
  const { id, known } = await identify(submission);
  if (known) return { record: known, headers: {} };
  // Only then is anything stored: of a tenant that was deleted a moment ago nothing must be left.
  const { headers } = await takePlace(caller, prepared, id);
  const { made, isNew } = await orGiveBack(caller.tenant, id, () => putDown(submission, prepared, id, request));
  if (isNew && submission.attached) keepForFollower(id);
  if (made.status === 'running') await start({ tenant: caller.tenant, generation: id, request: made.request });
  return { record: made, headers };
}

/**
 * Stores a request and its generation's record, side by side: of a record without its request nothing is left.
 *
 * @returns the record, and whether it is new, or that of another request under the same idempotency key
 */
async function putDown(
  submission: Submission,
  prepared: Prepared,
  id: string,
  request: ServiceRequest,
): Promise<{ readonly made: GenerationRecord; readonly isNew: boolean }> {
  const { tenant } = submission.caller;
  const { stored, store } = storableRequest(tenant, request);
  const made = recordOf(submission, prepared, id, stored);
  const [storing, creating] = await Promise.allSettled([store(), createRecord(tenant, made)]);
  if (creating.status === 'rejected') throw creating.reason;
  if (storing.status === 'rejected') {
    if (creating.value) await forgetRecord(tenant, id);
    throw storing.reason;
  }
  return { made: creating.value ? made : ((await getRecord(tenant, id)) ?? made), isNew: creating.value };
}

function recordOf(
  { caller, asked, attached, metadata }: Submission,
  { generation, prompts }: Prepared,
  id: string,
  request: Stored,
): GenerationRecord {
  const now = Date.now();
  return {
    ...{ id, status: 'running', keyId: caller.keyId, createdAt: new Date(now).toISOString(), model: asked.model },
    request,
    seed: generation.lanes[0].seed,
    // Candidates are for one text.
    lanes: (generation.choice ? [0] : generation.lanes).map(() => ({ text: '', tokens: 0, steps: 0, finish: null })),
    // A prompt is one, however many texts it has.
    promptTokens: prompts.filter((_, i) => i % (asked.n ?? 1) === 0).reduce((sum, { length }) => sum + length, 0),
    ...{ spent: {}, watched: asked.watched },
    ...(metadata ? { metadata } : {}),
    ...(attached ? { readerUntil: now + readerMilliseconds } : {}),
    expires: Math.floor(now / 1000) + recordSeconds,
  };
}

/** Gives a generation's place back where it comes no further. */
async function orGiveBack<T>(tenant: string, id: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    try {
      if (!(await getRecord(tenant, id))) await release(tenant, id, { tokens: 0, steps: 0 });
    } catch (failed) {
      // Then the place is taken until its lease is over.
      logger.warn('a place was not given back', { error: (failed as Error).name });
    }
    throw error;
  }
}

/** A new generation's id; or, under an idempotency key that was used before, that generation's. */
async function identify({ caller, digestOf, idempotencyKey }: Submission) {
  const id = `gen_${randomUUID().replaceAll('-', '')}`;
  if (idempotencyKey === undefined) return { id, known: undefined };
  const key = `IDEM#${sha256(idempotencyKey)}`;
  const digest = sha256(JSON.stringify(digestOf));
  const table = TenantTable.of(caller.tenant);
  const expires = Math.floor(Date.now() / 1000) + idempotencySeconds;
  if (await table.create(key, { id, digest, [expiryAttribute]: expires })) return { id, known: undefined };
  const before = await table.get<{ id: string; digest: string }>(key);
  if (!before) return { id, known: undefined };
  if (before.digest !== digest) {
    throw new ApiError('idempotency_mismatch', 'idempotency-key: was used for another request', {
      param: 'idempotency-key',
    });
  }
  // Where the first request came no further than its key, this one goes on.
  return { id: before.id, known: await getRecord(caller.tenant, before.id) };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** @throws ApiError of status 429 saying when there will be room */
async function takePlace(caller: Caller, { generation }: Prepared, id: string): Promise<{ headers: Headers }> {
  const { decoding, tokens, lanes } = generation;
  const stepsOfBlock = decoding.form ? decoding.steps : stepsToRun(decoding.steps, decoding.halting.stopAt);
  const blocks = Math.ceil(tokens / decoding.block);
  const cost = { requests: 1, tokens: tokens * lanes.length, steps: stepsOfBlock * blocks * lanes.length };
  const admission = await admit(caller, cost, id);
  const headers = rateLimitHeaders(admission);
  if (admission.admitted) return { headers };
  const { exhausted, retryAfterSeconds } = admission;
  observeThrottle(caller.tier, exhausted);
  const what =
    exhausted === 'inFlight' ? 'as many generations as may be in flight are' : `the day’s ${exhausted} are used up`;
  throw new ApiError('rate_limit_exceeded', `${what}; there is room in about ${retryAfterSeconds} s`, {
    headers: { ...headers, 'retry-after': String(retryAfterSeconds) },
  });
}

/** The generation's id is its execution's name: starting it twice starts one. */
async function start(input: ServiceInput): Promise<void> {
  client ??= new SFNClient({ requestHandler: connections });
  try {
    await client.send(
      new StartExecutionCommand({
        stateMachineArn: setting('SLINGSHOT_GENERATE_ARN'),
        name: input.generation,
        input: JSON.stringify(input),
      }),
    );
  } catch (cause) {
    if ((cause as Error).name === 'ExecutionAlreadyExists') return;
    const error = { code: 'GenerationNotStarted', message: (cause as Error).message };
    await endGeneration(input.tenant, input.generation, { status: 'failed', error });
    throw new ApiError('not_ready', 'the generation could not be started; try again', { cause });
  }
}
