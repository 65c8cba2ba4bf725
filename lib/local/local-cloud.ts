import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SFNClient, StartSyncExecutionCommand } from '@aws-sdk/client-sfn';
import type { GenerationResult, StepMessage } from '../../functions/contracts/generation.ts';
import type { GenerationRequest } from '../../functions/contracts/request.ts';
import { type EngineOptions, engineDefaults } from '../engine.ts';
import type { Fleet } from '../fleet.ts';
import { runGeneration } from '../generate.ts';
import { type LocalFunction, readTemplate } from './definitions.ts';
import { loadHandler } from './lambda.ts';
import { close, listen } from './listen.ts';
import { ModelProcess } from './model-process.ts';
import { localBucket } from './s3.ts';
import { sageMakerServer } from './sagemaker.ts';
import { LocalStepFunctions } from './step-functions.ts';
import { synthesise } from './synthesise.ts';

/** An integration's resource in the definitions. */
const startSyncExecution = 'arn:aws:states:::aws-sdk:sfn:startSyncExecution';

const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };

/**
 * All of Slingshot on this machine: the state machines of the synthesised template, their handlers in this process, and
 * a model process an endpoint. Every call between them goes through the real SDK clients, to loopback.
 *
 * Handlers read their settings from the environment, as in Lambda, so there is one local cloud a process.
 */
export class LocalCloud {
  static #started = false;
  /** The container behind each endpoint, by endpoint name; tests put others in their place. */
  readonly endpoints: Map<string, string>;
  readonly #client: SFNClient;
  readonly #generateArn: string;
  readonly #stop: () => Promise<void>;

  private constructor(
    endpoints: Map<string, string>,
    client: SFNClient,
    generateArn: string,
    stop: () => Promise<void>,
  ) {
    this.endpoints = endpoints;
    this.#client = client;
    this.#generateArn = generateArn;
    this.#stop = stop;
  }

  static async start(fleet: Fleet, overrides: Partial<EngineOptions> = {}): Promise<LocalCloud> {
    if (LocalCloud.#started) throw new Error('there is one local cloud a process');
    LocalCloud.#started = true;
    const options = { ...engineDefaults, ...overrides };
    const releases: (() => Promise<unknown>)[] = [];
    const stop = async () => {
      for (const release of releases.reverse()) await release();
    };
    const serve = async (server: Server) => {
      const url = await listen(server);
      releases.push(() => close(server));
      return url;
    };
    try {
      const starting = fleet.models.map(async (model) => {
        const process = await ModelProcess.start(model, options);
        releases.push(() => process.stop());
        return [model.endpoint, process.url] as const;
      });
      const { machines, functions } = readTemplate(synthesise(fleet, options.kept));
      const settled = await Promise.allSettled(starting);
      for (const result of settled) if (result.status === 'rejected') throw result.reason;
      const endpoints = new Map(settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])));
      const bucketFolder = await mkdtemp(join(tmpdir(), 'slingshot-bucket-'));
      releases.push(() => rm(bucketFolder, { recursive: true }));
      const bucket = await localBucket(bucketFolder, 'envelopes');
      releases.push(bucket.stop);

      setEnvironment([...functions.values()], {
        SLINGSHOT_BUCKET: 'envelopes',
        SLINGSHOT_MODEL_DIRECTORY: fleet.core.directory,
        SLINGSHOT_ENDPOINT_TIMEOUT_MS: String(options.endpointTimeoutMilliseconds),
        AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME: await serve(sageMakerServer(endpoints)),
        AWS_ENDPOINT_URL_S3: bucket.url,
      });
      const handlers = new Map<string, (input: unknown) => Promise<unknown>>();
      for (const local of functions.values()) {
        const handler = await loadHandler(local);
        handlers.set(local.arn, watched(local.folder, handler, options.onStep));
      }
      let client: SFNClient | undefined;
      handlers.set(startSyncExecution, async (input) => startSync(client as SFNClient, input as SyncInput));
      const stepFunctions = new LocalStepFunctions(machines.values(), handlers);
      const endpoint = await serve(stepFunctions.server());
      client = new SFNClient({ endpoint, region: 'local', credentials, disableHostPrefix: true, maxAttempts: 1 });
      const generate = [...machines.values()].find(({ type }) => type === 'STANDARD');
      if (!generate) throw new Error('the template has no Generate state machine');
      return new LocalCloud(endpoints, client, generate.arn, stop);
    } catch (error) {
      await stop();
      throw error;
    }
  }

  /** @throws ExecutionFailed */
  generate(request: GenerationRequest, signal?: AbortSignal): Promise<GenerationResult> {
    return runGeneration(this.#client, this.#generateArn, request, signal);
  }

  async stop(): Promise<void> {
    this.#client.destroy();
    await this.#stop();
  }
}

/** What Lambda would set: every function's variables (they agree where they overlap), and silence on stdout. */
function setEnvironment(functions: readonly LocalFunction[], local: Record<string, string>): void {
  Object.assign(process.env, ...functions.map(({ environment }) => environment), {
    AWS_REGION: 'local',
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
    POWERTOOLS_TRACE_ENABLED: 'false',
    ...local,
  });
}

function watched(
  folder: string,
  handler: (event: unknown) => Promise<unknown>,
  onStep?: (step: StepMessage) => void,
): (event: unknown) => Promise<unknown> {
  if (!onStep || (folder !== 'reduce' && folder !== 'denoise-visit')) return handler;
  return async (event) => {
    const result = (await handler(event)) as { reports: StepMessage[] };
    result.reports.forEach(onStep);
    return result;
  };
}

interface SyncInput {
  readonly StateMachineArn: string;
  readonly Input: string;
}

/** The SDK integration: the service's answer with its keys capitalised. */
async function startSync(client: SFNClient, { StateMachineArn, Input }: SyncInput): Promise<unknown> {
  const command = new StartSyncExecutionCommand({ stateMachineArn: StateMachineArn, input: Input });
  const { $metadata, ...answer } = await client.send(command);
  return Object.fromEntries(Object.entries(answer).map(([key, value]) => [key[0].toUpperCase() + key.slice(1), value]));
}
