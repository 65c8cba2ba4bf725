import { SFNClient, StartSyncExecutionCommand } from '@aws-sdk/client-sfn';
import type { GenerationResult, StepMessage } from '../../functions/contracts/generation.ts';
import type { GenerationRequest } from '../../functions/contracts/request.ts';
import { type EngineOptions, engineDefaults } from '../engine.ts';
import type { Fleet } from '../fleet.ts';
import { runGeneration } from '../generate.ts';
import { LocalAws } from './aws-environment.ts';
import { readTemplate } from './definitions.ts';
import { loadHandler } from './lambda.ts';
import { startModel } from './model-process.ts';
import { Resources } from './resources.ts';
import { startS3 } from './s3.ts';
import { startSageMaker } from './sagemaker.ts';
import type { LocalService } from './service.ts';
import { startStepFunctions } from './step-functions.ts';
import { synthesise } from './synthesise.ts';

/** An integration's resource in the definitions. */
const startSyncExecution = 'arn:aws:states:::aws-sdk:sfn:startSyncExecution';

/**
 * All of Slingshot on this machine: the state machines of the synthesised template, their handlers in this process, and
 * a model process an endpoint. Every call between them goes through the real SDK clients, to loopback.
 *
 * Handlers keep their clients, as in Lambda, so there is one local cloud a process.
 */
export class LocalCloud {
  static #started = false;
  /** The container behind each endpoint, by endpoint name; tests put others in their place. */
  readonly endpoints: Map<string, string>;
  readonly #client: SFNClient;
  readonly #generateArn: string;
  readonly #resources: Resources;

  private constructor(endpoints: Map<string, string>, client: SFNClient, generateArn: string, resources: Resources) {
    this.endpoints = endpoints;
    this.#client = client;
    this.#generateArn = generateArn;
    this.#resources = resources;
  }

  static async start(fleet: Fleet, overrides: Partial<EngineOptions> = {}): Promise<LocalCloud> {
    if (LocalCloud.#started) throw new Error('there is one local cloud a process');
    LocalCloud.#started = true;
    const resources = new Resources();
    try {
      return await LocalCloud.#start(fleet, { ...engineDefaults, ...overrides }, resources);
    } catch (error) {
      resources.abandon();
      await resources.stop();
      throw error;
    }
  }

  static async #start(fleet: Fleet, options: EngineOptions, resources: Resources): Promise<LocalCloud> {
    const starting = Promise.all(
      fleet.models.map(async (model) => [model.endpoint, await startModel(model, options, resources)] as const),
    );
    // Synthesis may fail before anyone waits for the models.
    starting.catch(() => {});
    const template = synthesise(fleet, options.kept, resources.folder('slingshot-synth-'));
    const { machines, functions, buckets, outputs } = readTemplate(template);
    const generateArn = outputs.get('GenerateArn');
    if (!generateArn) throw new Error('the template has no output GenerateArn');
    const endpoints = new Map(await starting);
    const aws = new LocalAws();
    resources.stopWith(async () => aws.restore());
    const take = (service: LocalService) => {
      resources.stopWith(service.stop);
      aws.add(service);
    };
    take(await startSageMaker(endpoints));
    take(await startS3(buckets));

    const handlers = new Map<string, (input: unknown) => Promise<unknown>>();
    for (const local of functions.values()) {
      const environment = {
        ...local.environment,
        SLINGSHOT_MODEL_DIRECTORY: fleet.core.directory,
        SLINGSHOT_ENDPOINT_TIMEOUT_MS: String(options.endpointTimeoutMilliseconds),
      };
      handlers.set(local.arn, watched(local.folder, await loadHandler({ ...local, environment }), options.onStep));
    }
    let client: SFNClient | undefined;
    handlers.set(startSyncExecution, async (input) => startSync(client as SFNClient, input as SyncInput));
    take(await startStepFunctions(machines.values(), handlers));
    client = new SFNClient({ disableHostPrefix: true, maxAttempts: 1 });
    return new LocalCloud(endpoints, client, generateArn, resources);
  }

  /** @throws ExecutionFailed */
  generate(request: GenerationRequest, signal?: AbortSignal): Promise<GenerationResult> {
    return runGeneration(this.#client, this.#generateArn, request, signal);
  }

  async stop(): Promise<void> {
    this.#client.destroy();
    await this.#resources.stop();
  }
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
