import type { ChildProcess } from 'node:child_process';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DirectEngine } from '../../lib/direct-engine.ts';
import type { Engine } from '../../lib/engine.ts';
import { type Fleet, type FleetModel, readFleet } from '../../lib/fleet.ts';
import { loadHandler } from '../../lib/local/lambda.ts';
import { close, listen } from '../../lib/local/listen.ts';
import { LocalCloud } from '../../lib/local/local-cloud.ts';
import { startModel } from '../../lib/local/model-process.ts';
import { Resources } from '../../lib/local/resources.ts';
import { saveModel } from '../../models/checkpoint/model-directory.ts';
import { endpointName } from '../../models/ssd2/routing.ts';
import { tinyConfig, tinyFleet, tinyTokenizer, tinyWeights } from '../support/tiny-fleet.ts';
import { faultyEndpoint } from './faulty-endpoint.ts';
import { FaultyFunctions } from './faulty-function.ts';
import { faultyStore } from './faulty-store.ts';
import type { Plan } from './plan.ts';
import { type processFaults, tenants } from './schedule.ts';

const kept = 32;
const timeoutMilliseconds = 2500;
const modelOptions = { provider: 'cpu' as const, threads: 1 };

/** Remembers its children, so that they can be killed and frozen. */
class WatchedResources extends Resources {
  readonly children: ChildProcess[] = [];

  override child(child: ChildProcess): ChildProcess {
    this.children.push(child);
    return super.child(child);
  }
}

/** A container whose process may be killed, and is then started again. */
class Container {
  url = '';
  readonly #model: FleetModel;
  /** Of its own, so that the last child is this container's. */
  readonly #resources = new WatchedResources();
  /** Faults of processes do not overlap: the second would hit nothing. */
  #healing: Promise<void> | undefined;

  constructor(model: FleetModel) {
    this.#model = model;
  }

  async start(): Promise<void> {
    ({ url: this.url } = await startModel(this.#model, modelOptions, this.#resources));
  }

  stop(): Promise<void> {
    return this.#resources.stop();
  }

  strike(kind: (typeof processFaults)[number]): Promise<void> {
    this.#healing ??= this.#strike(kind).finally(() => {
      this.#healing = undefined;
    });
    return this.#healing;
  }

  async #strike(kind: (typeof processFaults)[number]): Promise<void> {
    const child = this.#resources.children.at(-1);
    if (kind === 'is killed') {
      child?.kill('SIGKILL');
      while (!(await this.#answers())) await sleep(20);
      return;
    }
    child?.kill('SIGSTOP');
    await sleep(1.2 * timeoutMilliseconds);
    child?.kill('SIGCONT');
  }

  async #answers(): Promise<boolean> {
    const answer = await fetch(`${this.url}/ping`).catch(() => undefined);
    return answer?.ok === true;
  }
}

/** The local cloud on two tenants' tiny models, with faults wherever a call crosses from one part to another. */
export interface FaultyCloud {
  readonly cloud: Engine;
  /** The same models without a cloud: what each text should be. */
  readonly direct: Engine;
  /** Handlers that run at the moment. */
  readonly running: () => number;
  /** Calls that reached a model which has nothing to do with the run. */
  readonly strays: readonly string[];
  /** Events and results of functions that held a private context. */
  readonly leaks: readonly string[];
  /** While the process of a model was down or frozen, in milliseconds of `performance.now()`. */
  readonly outages: readonly { readonly from: number; to: number }[];
  stop(): Promise<void>;
}

export async function startFaultyCloud(
  plan: Plan,
  tenantOf: (run: number) => string | undefined,
): Promise<FaultyCloud> {
  const { fleet, remove } = await twoTenants();
  const containers: Container[] = [];
  const servers: Server[] = [];
  const strays: string[] = [];
  const outages: { from: number; to: number }[] = [];
  const functions = new FaultyFunctions((run) => plan.next('function', run));
  const direct = await DirectEngine.start(fleet, { kept });
  const cloud = await LocalCloud.start(
    fleet,
    { kept, threads: 1, endpointTimeoutMilliseconds: timeoutMilliseconds },
    // So little stays inline that most envelopes go by the bucket.
    async ({ environment, ...local }) =>
      functions.around(await loadHandler({ ...local, environment: { ...environment, SLINGSHOT_INLINE_BYTES: '600' } })),
  );
  for (const model of fleet.models) {
    const container = new Container(model);
    containers.push(container);
    await container.start();
    const fault = async (run: number) => {
      if (model.role === 'tenant' && tenantOf(run) !== model.name) strays.push(`run ${run} at ${model.name}`);
      const kind = plan.next('process', run);
      if (kind) {
        const outage = { from: performance.now(), to: Number.POSITIVE_INFINITY };
        outages.push(outage);
        void container.strike(kind).then(() => {
          outage.to = performance.now();
        });
      }
      return plan.next('endpoint', run);
    };
    const server = faultyEndpoint({ container: () => container.url, timeoutMilliseconds, fault });
    servers.push(server);
    cloud.endpoints.set(endpointName(model.endpoint), await listen(server));
  }
  const bucket = process.env.AWS_ENDPOINT_URL_S3;
  if (!bucket) throw new Error('the local cloud has no bucket');
  const store = faultyStore(bucket, () => plan.nextOfStore());
  servers.push(store);
  // Functions make their client at the first call, which is still to come.
  process.env.AWS_ENDPOINT_URL_S3 = await listen(store);
  return {
    ...{ cloud, direct, strays, outages, leaks: functions.leaks },
    running: () => functions.running,
    async stop() {
      await cloud.stop();
      await Promise.all(servers.map(close));
      await Promise.all(containers.map((container) => container.stop()));
      await direct.stop();
      await remove();
    },
  };
}

/** A core and two tenants, with room for a private context. */
async function twoTenants(): Promise<{ fleet: Fleet; remove: () => Promise<void> }> {
  const { folder, remove } = await tinyFleet();
  const config = { ...tinyConfig, positions: 80 };
  for (const [index, name] of ['core', ...tenants].entries()) {
    const shape = name === 'core' ? config : { ...config, width: 8, layers: 1 };
    await saveModel(join(folder, name), shape, await tinyTokenizer(), tinyWeights(shape, index + 1));
  }
  return { fleet: await readFleet(folder), remove };
}
