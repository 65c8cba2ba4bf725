import { SFNClient } from '@aws-sdk/client-sfn';
import type { FinishedGeneration, StepMessage } from '../../functions/contracts/generation.ts';
import type { ExecutionInput, GenerationRequest } from '../../functions/contracts/request.ts';
import type { Tiers } from '../../functions/contracts/tiers.ts';
import { connections } from '../../functions/shared/connections.ts';
import { storeContextText } from '../../functions/shared/context-store.ts';
import { withEnvironment } from '../../functions/shared/environment.ts';
import { InvalidRequest } from '../../functions/shared/errors.ts';
import { shareAnnouncements } from '../../functions/shared/generations/announcements.ts';
import { type ReportSink, replaceReportSink } from '../../functions/shared/report-store.ts';
import type { Administration } from '../administration/administration.ts';
import { type EngineOptions, engineDefaults, type GenerationResult, onlyLane } from '../engine.ts';
import { type Fleet, pinVersions } from '../fleet.ts';
import { runGeneration } from '../generate.ts';
import { adaptersOf, processesOf, processName } from '../processes.ts';
import { LocalAws } from './aws-environment.ts';
import { cachedTemplate } from './cached-template.ts';
import { LocalComponents } from './components.ts';
import { type LocalFunction, readTemplate, tasksOf } from './definitions.ts';
import { delivered } from './delivered.ts';
import { Drops } from './drops.ts';
import { FairFunctions } from './fair-functions.ts';
import { Identities, type LongCredentials } from './iam/identities.ts';
import { startSts } from './iam/sts.ts';
import { loadHandler, loadStreamingHandler } from './lambda.ts';
import { localAuthoriser } from './local-authoriser.ts';
import { localCatalog, localPrefix } from './local-catalog.ts';
import { startModel } from './model-process.ts';
import { Resources } from './resources.ts';
import { startS3 } from './s3.ts';
import { startSageMaker } from './sagemaker.ts';
import type { LocalService } from './service.ts';
import { type SyncInput, startSync, startSyncExecution } from './start-sync.ts';
import type { ServiceNote } from './state-folder.ts';
import { type OnEnd, startStepFunctions, type Watch } from './step-functions.ts';

export interface LocalOptions extends EngineOptions {
  /**
   * Where tables and buckets are kept between runs: in a folder, or `ephemeral`, in memory. Absent: there is no table,
   * which takes the API alone.
   */
  readonly state?: { readonly folder: string } | 'ephemeral';
  /** What tenants may use; the usual tiers when absent. */
  readonly tiers?: Tiers;
  /** How long a stream may say nothing; as long as usual when absent. */
  readonly heartbeatSeconds?: number;
  /** Whether functions say on stderr what failed, as they do in the cloud's logs. */
  readonly logsFailures?: boolean;
  /** Sees what the histories of the executions would have. */
  readonly watch?: Watch;
}

/** The functions behind the API. */
export interface ServiceHandlers {
  readonly api: Awaited<ReturnType<typeof loadHandler>>;
  readonly stream: Awaited<ReturnType<typeof loadStreamingHandler>>;
  readonly operate: Awaited<ReturnType<typeof loadHandler>>;
  readonly authorise: ReturnType<typeof localAuthoriser>;
}

/** Functions that ask models, which take turns there, and those that go through whole files. */
const untimed = ['invoke-model', 'denoise-visit', 'batch-file'];
/** Functions that are loaded once they are called. */
const rareFolders = ['validate-model', 'publish-model'];

interface Parts {
  readonly service: ServiceHandlers | undefined;
  readonly endpoints: Map<string, string>;
  readonly generateArn: string;
  readonly client: SFNClient;
  readonly run: (input: ExecutionInput, signal?: AbortSignal) => Promise<FinishedGeneration>;
  readonly models: NonNullable<Administration['models']>;
  readonly modelStore: string;
  readonly resources: Resources;
  readonly operator: LongCredentials;
  readonly environment: Readonly<Record<string, string>>;
  readonly drops: Drops;
  /** Whether somebody wants to see the steps. */
  readonly watched: boolean;
}

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
  /** Of the Generate state machine. */
  readonly generateArn: string;
  /** Credentials that open everything here, as an operator's do. */
  readonly operator: LongCredentials;
  /** The settings of functions that act for tenants. */
  readonly environment: Readonly<Record<string, string>>;
  /** How tenants' own models are deployed. */
  readonly models: NonNullable<Administration['models']>;
  /** The bucket of their archives. */
  readonly modelStore: string;
  /** There where a table is. */
  readonly service: ServiceHandlers | undefined;
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.endpoints = parts.endpoints;
    this.generateArn = parts.generateArn;
    this.environment = parts.environment;
    this.operator = parts.operator;
    this.service = parts.service;
    this.models = parts.models;
    this.modelStore = parts.modelStore;
    this.#parts = parts;
  }

  /** @param load gives a function's handler; tests put faults around it */
  static async start(
    fleet: Fleet,
    overrides: Partial<LocalOptions> = {},
    load: typeof loadHandler = loadHandler,
  ): Promise<LocalCloud> {
    if (LocalCloud.#started) throw new Error('there is one local cloud a process');
    LocalCloud.#started = true;
    const resources = new Resources();
    try {
      return await LocalCloud.#start(fleet, { ...engineDefaults, ...overrides }, resources, load);
    } catch (error) {
      resources.abandon();
      await resources.stop();
      throw error;
    }
  }

  static async #start(
    fleet: Fleet,
    options: LocalOptions,
    resources: Resources,
    load: typeof loadHandler,
  ): Promise<LocalCloud> {
    const starting = Promise.all(
      processesOf(fleet.models).map(async (models) => {
        const started = await startModel({ ...models[0], adapters: adaptersOf(models) }, options, resources);
        return [processName(models[0].endpoint), started.url] as const;
      }),
    );
    // Synthesis may fail before anyone waits for the models.
    starting.catch(() => {});
    const { state } = options;
    // What only the service needs is loaded for the service alone.
    const folder =
      typeof state === 'object' ? await (await import('./state-folder.ts')).openStateFolder(state.folder) : undefined;
    if (folder) resources.stopWith(folder.close);
    const pinned = await pinVersions(fleet);
    const outdir = resources.folder('slingshot-synth-');
    const template = folder
      ? await cachedTemplate(pinned, options, folder.template, outdir)
      : (await import('./synthesise.ts')).synthesise(pinned, options, outdir);
    const { machines, functions, buckets, tables, announcedKeys, announcedEnds, roles, ownRights, outputs } =
      readTemplate(template);
    const generateArn = outputs.get('GenerateArn');
    if (!generateArn) throw new Error('the template has no output GenerateArn');
    const endpoints = new Map(await starting);
    const aws = new LocalAws(options.logsFailures);
    resources.stopWith(async () => aws.restore());
    const take = (service: LocalService) => {
      resources.stopWith(service.stop);
      aws.add(service);
    };
    take(await startSageMaker(endpoints));
    const components = new LocalComponents({
      ...{ endpoints, core: fleet.core.directory, credentials: aws.operator },
      folder: folder?.components ?? resources.folder('slingshot-components-'),
      start: (model) => startModel(model, options, resources),
    });
    await components.restore();
    const service = { credentials: aws.credentials, statements: ownRights };
    const identities = new Identities(aws.operator, roles, service);
    take(await startSts(identities));
    const objects = [{ ...localCatalog, body: JSON.stringify(pinned.catalog) }];
    const drops = new Drops(announcedKeys);
    take(
      await startS3({
        ...{ buckets, objects, identities, onCreated: ({ key }) => drops.tell(key) },
        ...(folder ? { folder: folder.s3 } : {}),
      }),
    );
    if (state !== undefined) {
      const { startDynamoDb } = await import('./dynamodb.ts');
      take(await startDynamoDb({ tables, identities, ...(folder ? { folder: folder.dynamodb } : {}) }));
    }

    const batchArn = outputs.get('BatchArn');
    // Batches have their records in the table.
    const running = [...machines.values()].filter(({ arn }) => state !== undefined || arn !== batchArn);
    const called = new Set(running.flatMap(({ definition }) => [...tasksOf(definition).values()]));
    const handlers = new Map<string, (input: unknown) => Promise<unknown>>();
    const settingsOf = new Map<string, Readonly<Record<string, string>>>();
    const byFolder = new Map<string, LocalFunction>();
    const fair = new FairFunctions();
    for (const made of functions.values()) {
      const local = { ...made, environment: { ...made.environment, SLINGSHOT_MODEL_DIRECTORY: fleet.core.directory } };
      settingsOf.set(local.folder, local.environment);
      byFolder.set(local.folder, local);
      if (!called.has(local.arn)) continue;
      if (rareFolders.includes(local.folder)) {
        handlers.set(local.arn, async (input) => (await load(local))(input));
        continue;
      }
      const handler = await load(local);
      handlers.set(local.arn, untimed.includes(local.folder) ? handler : fair.around(handler));
    }
    const named = (name: string) => byFolder.get(name) as LocalFunction;
    const behind =
      state === undefined
        ? undefined
        : {
            api: await load(named('api')),
            stream: await loadStreamingHandler(named('stream')),
            operate: await load(named('operate')),
            authorise: localAuthoriser(await load(named('authorise'))),
          };
    const endGeneration = behind && (await load(named('end-generation')));
    const onEnd: OnEnd | undefined =
      endGeneration &&
      (async (stateMachineArn, executionArn, status) => {
        if (!announcedEnds.get(stateMachineArn)?.includes(status)) return;
        await delivered(endGeneration, { detail: { executionArn } });
      });
    shareAnnouncements(true);
    resources.stopWith(async () => shareAnnouncements(false));
    if (options.onStep) replaceReportSink(inOrder(options.onStep));
    let client: SFNClient | undefined;
    for (const [resource, act] of components.tasks()) handlers.set(resource, act);
    handlers.set(startSyncExecution, async (input) => startSync(client as SFNClient, input as SyncInput));
    const stepFunctions = await startStepFunctions(running, handlers, options.watch, onEnd);
    take(stepFunctions);
    client = new SFNClient({ requestHandler: connections, disableHostPrefix: true, maxAttempts: 1 });
    const run = (input: ExecutionInput, signal?: AbortSignal) =>
      runGeneration(client, generateArn, input, {
        ...(signal ? { signal } : {}),
        wait: (executionArn) => stepFunctions.executions.ended(executionArn),
      });
    const environment = { ...settingsOf.get('api'), ...settingsOf.get('prepare') };
    if (behind) {
      const drop = await load(named('drop-batch'));
      drops.open({ bucket: environment.SLINGSHOT_BUCKET, credentials: aws.operator }, (event) =>
        delivered(drop, event),
      );
    }
    const models = {
      ...{ deployModelArn: outputs.get('DeployModelArn') ?? '', prefix: localPrefix, core: fleet.core.directory },
      endpoints: (outputs.get('TenantEndpoints') ?? '').split(','),
    };
    await folder?.publish({ ...noteOf(environment, generateArn, aws.operator), models });
    return new LocalCloud({
      ...{ endpoints, generateArn, client, run, resources, service: behind, operator: aws.operator },
      ...{ environment, models, drops },
      modelStore: settingsOf.get('validate-model')?.SLINGSHOT_MODEL_STORE ?? '',
      watched: options.onStep !== undefined,
    });
  }

  /** @throws ExecutionFailed */
  async generate({ context, ...request }: GenerationRequest, signal?: AbortSignal): Promise<GenerationResult> {
    const { tenant } = request;
    const stored =
      context && tenant ? await withEnvironment(this.environment, () => storeContextText(tenant, context)) : undefined;
    if (context && !stored) throw new InvalidRequest('context: needs a tenant');
    const input = { ...request, watched: this.#parts.watched, ...(stored ? { context: stored } : {}) };
    return onlyLane(await this.#parts.run(input, signal));
  }

  /** Tells once more of the objects that are there whose making is told of: a process before may have come no further. */
  tellOfDrops(): Promise<void> {
    return this.#parts.drops.tellOfAll();
  }

  async stop(): Promise<void> {
    this.#parts.client.destroy();
    await this.#parts.resources.stop();
  }
}

/** Hands each step on once, although a step that is run again reports again. */
function inOrder(onStep: (step: StepMessage) => void): ReportSink {
  const last = new Map<string, number>();
  return async ({ id }, reports, sequence) => {
    if (sequence <= (last.get(id) ?? -1)) return;
    last.set(id, sequence + reports[reports.length - 1].step - reports[0].step);
    reports.forEach(onStep);
  };
}

function noteOf(
  environment: Readonly<Record<string, string>>,
  stateMachineArn: string,
  credentials: ServiceNote['credentials'],
): Omit<ServiceNote, 'pid' | 'models'> {
  return {
    ...{ table: environment.SLINGSHOT_TABLE, bucket: environment.SLINGSHOT_BUCKET, stateMachineArn, credentials },
    tiers: Object.keys(JSON.parse(environment.SLINGSHOT_TIERS)),
    endpoints: {
      dynamodb: process.env.AWS_ENDPOINT_URL_DYNAMODB ?? '',
      s3: process.env.AWS_ENDPOINT_URL_S3 ?? '',
      stepFunctions: process.env.AWS_ENDPOINT_URL_SFN ?? '',
    },
  };
}
