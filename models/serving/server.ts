import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Denoiser } from '../inference/denoiser.ts';
import { LaneError } from '../inference/lane-check.ts';
import type { LaneStep } from '../ssd2/step.ts';
import { firstIssue } from '../zod-issue.ts';
import { type Answer, decodeLane, encodeEnvelope, invocationSchema, type LaneJson } from './protocol.ts';

/** SageMaker's limit on a request. */
const maxBodyBytes = 6 * 2 ** 20;

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
 * SageMaker's container protocol: GET /ping says whether the model is loaded, POST /invocations answers denoise steps.
 * Errors are JSON, {error, field?}.
 *
 * @param model resolves when the model is loaded; requests before that get 503
 */
export function createModelServer(model: Promise<Denoiser>): Server {
  let denoiser: Denoiser | undefined;
  model.then(
    (loaded) => {
      denoiser = loaded;
    },
    () => {}, // the caller sees the rejection
  );
  return createServer(async (request, response) => {
    try {
      const route = `${request.method} ${request.url}`;
      if (route !== 'GET /ping' && route !== 'POST /invocations') {
        throw new HttpError(404, `${route}: there are GET /ping and POST /invocations`);
      }
      if (!denoiser) throw new HttpError(503, 'the model is being loaded');
      if (route === 'GET /ping') return send(response, 200, { model: denoiser.name });
      send(response, 200, await invoke(denoiser, await readBody(request)));
    } catch (error) {
      if (error instanceof HttpError) send(response, error.status, { error: error.message, field: error.field });
      else send(response, 500, { error: `the model failed: ${(error as Error).message}` });
    }
  });
}

async function invoke(denoiser: Denoiser, body: string): Promise<Answer> {
  const invocation = parseInvocation(body);
  const lanes = invocation.lanes.map(parseLane);
  try {
    const { envelopes, timings } = await denoiser.denoise(lanes, invocation.kept);
    return { model: denoiser.name, lanes: envelopes.map(encodeEnvelope), milliseconds: timings };
  } catch (error) {
    if (error instanceof LaneError) throw new HttpError(400, error.message, error.field);
    throw error;
  }
}

function parseInvocation(body: string) {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw new HttpError(400, 'the body is not JSON');
  }
  const result = invocationSchema.safeParse(json);
  if (result.success) return result.data;
  const [{ path }] = result.error.issues;
  throw new HttpError(400, firstIssue(result.error, 'body'), path.join('.') || 'body');
}

function parseLane(lane: LaneJson, index: number): LaneStep {
  try {
    return decodeLane(lane);
  } catch (error) {
    const field = `lanes.${index}.selfConditioning`;
    throw new HttpError(400, `${field}: ${(error as Error).message}`, field);
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > maxBodyBytes) throw new HttpError(413, `the body is larger than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
