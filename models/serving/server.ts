import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { LaneError } from '../inference/lane-check.ts';
import type { StepModel } from '../inference/step-model.ts';
import { envelopeBytes } from '../ssd2/envelope.ts';
import { LaneScheduler, type SchedulerOptions } from './lane-scheduler.ts';
import { contentType, decodeInvocation, encodeAnswer, ProtocolError } from './protocol.ts';

/** SageMaker's limit on a request, and on an answer. */
const maxBodyBytes = 6 * 2 ** 20;

/** A loaded model and its digest (see modelVersion). */
export interface ServedModel {
  readonly denoiser: StepModel;
  readonly version: string;
  /** Its name among the models of its process, where that serves several. */
  readonly adapter?: string;
  /** How its lanes may go together. */
  readonly scheduling?: SchedulerOptions;
}

/** A request that is answered with a status other than 200. */
class HttpError extends Error {
  readonly status: number;
  readonly field: string | undefined;

  constructor(status: number, message: string, field?: string) {
    super(message);
    this.status = status;
    this.field = field;
  }
}

/**
 * SageMaker's container protocol: GET /ping says whether the model is loaded, POST /invocations answers denoise steps
 * (see protocol.ts). Errors are JSON, {error, field?}.
 *
 * @param models resolves when the model, or all models, are loaded; requests before that get 503
 */
export function createModelServer(models: Promise<ServedModel | readonly ServedModel[]>): Server {
  let served: readonly Scheduled[] | undefined;
  models.then(
    (loaded) => {
      served = [loaded].flat().map((one) => ({ ...one, scheduler: new LaneScheduler(one.denoiser, one.scheduling) }));
    },
    () => {}, // the caller sees the rejection
  );
  return createServer(async (request, response) => {
    try {
      const route = `${request.method} ${request.url}`;
      if (route !== 'GET /ping' && route !== 'POST /invocations') {
        throw new HttpError(404, `${route}: there are GET /ping and POST /invocations`);
      }
      if (!served) throw new HttpError(503, 'the model is being loaded');
      if (route === 'GET /ping') {
        return send(response, 200, { model: served.map(({ denoiser }) => denoiser.name).join(', ') });
      }
      const answer = await invoke(served, await readBody(request));
      response.writeHead(200, { 'content-type': contentType, 'content-length': answer.length }).end(answer);
    } catch (error) {
      if (error instanceof HttpError) send(response, error.status, { error: error.message, field: error.field });
      else send(response, 500, { error: `the model failed: ${(error as Error).message}` });
    }
  });
}

interface Scheduled extends ServedModel {
  readonly scheduler: LaneScheduler;
}

async function invoke(served: readonly Scheduled[], body: Uint8Array): Promise<Uint8Array> {
  try {
    const { lanes, kept, owner, background = false, adapter } = decodeInvocation(body);
    const { denoiser, version, scheduler } = askedOf(served, adapter);
    checkAnswerSize(denoiser.config, lanes.length, kept);
    const { envelopes, timings } = await scheduler.denoise({ lanes, kept, owner, background });
    return encodeAnswer({ model: denoiser.name, version, lanes, envelopes, milliseconds: timings });
  } catch (error) {
    if (error instanceof LaneError || error instanceof ProtocolError) {
      throw new HttpError(400, error.message, error.field);
    }
    throw error;
  }
}

/** @throws ProtocolError where it is none of those that are served, or none is named of several */
function askedOf(served: readonly Scheduled[], adapter: string | undefined): Scheduled {
  const found = served.find((one) => one.adapter === adapter);
  if (found) return found;
  const names = served.map((one) => one.adapter ?? 'one model without a name').join(', ');
  throw new ProtocolError('adapter', `is ${adapter ?? 'not there'}; this process serves ${names}`);
}

/** @throws LaneError before any work is done for an answer that could not be sent */
function checkAnswerSize({ block, vocabulary }: StepModel['config'], lanes: number, kept: number): void {
  const bytes = lanes * envelopeBytes(block, vocabulary, Math.min(kept, vocabulary));
  if (bytes <= maxBodyBytes) return;
  throw new LaneError(
    'kept',
    `${lanes} lanes of ${kept} entries a position are ${bytes} bytes, at most ${maxBodyBytes}`,
  );
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > maxBodyBytes) throw new HttpError(413, `the body is larger than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
