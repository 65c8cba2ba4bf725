import { type ChildProcess, fork } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { modelFiles } from '../../models/checkpoint/model-directory.ts';
import type { ExecutionProvider } from '../../models/runtime/providers.ts';
import type { FleetModel } from '../fleet.ts';
import { endChild, type Resources } from './resources.ts';

const main = join(import.meta.dirname, '..', '..', 'models', 'serving', 'main.ts');

/** A model must be ready within a minute, and a second more for every so many bytes of it. */
const startMilliseconds = 60_000;
const bytesPerSecond = 20e6;

/** A serving process that has its model. */
export interface ModelProcess {
  readonly url: string;
  /** Ends it. */
  stop(): Promise<void>;
}

export interface ModelProcessOptions {
  readonly provider: ExecutionProvider;
  readonly threads: number;
  readonly startMilliseconds?: number;
  /** Where the bases lie of a model that comes without its own. */
  readonly bases?: string;
}

/** How long after its end a process is started again, and at most, where it ends again and again. */
const [soonest, latest] = [250, 30_000];

type Served = Pick<FleetModel, 'name' | 'directory'> & {
  /** Names of the folders beside it, where one process serves all of them. */
  readonly adapters?: readonly string[] | undefined;
};

/**
 * Starts the serving container's process for a model, on loopback, and again at the same address where it ends unasked.
 *
 * @throws Error with the process' own last words when it ends before its model is loaded, or when that takes too long
 */
export async function startModel(
  model: Served,
  options: ModelProcessOptions,
  resources: Resources,
): Promise<ModelProcess> {
  const first = await launch(model, options, resources, 0);
  const { port } = first;
  let { child } = first;
  let stopped = false;
  const unwanted = () => stopped || resources.ending;
  const watch = () =>
    child.once('exit', (code, signal) => restart(`the model server of ${model.name} ended (${signal ?? code})`));
  const restart = async (what: string) => {
    let last = what;
    for (let wait = soonest; !unwanted(); wait = Math.min(latest, 2 * wait)) {
      process.emitWarning(`${last}; it is started again`);
      await delay(wait, undefined, { ref: false });
      if (unwanted()) return;
      try {
        ({ child } = await launch(model, options, resources, port));
        return unwanted() ? await endChild(child) : void watch();
      } catch (error) {
        last = (error as Error).message;
      }
    }
  };
  watch();
  const stop = async () => {
    stopped = true;
    await endChild(child);
  };
  return { url: `http://127.0.0.1:${port}`, stop };
}

/** @param port the address' own where it had one, 0 where any will do */
async function launch(
  model: Served,
  { provider, threads, bases, startMilliseconds: limit = timeToStart(model) }: ModelProcessOptions,
  resources: Resources,
  port: number,
): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = resources.child(
    fork(main, ['serve'], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        ...process.env,
        SLINGSHOT_MODEL_DIRECTORY: model.directory,
        SLINGSHOT_PROVIDER: provider,
        SLINGSHOT_THREADS: String(threads),
        SLINGSHOT_PORT: String(port),
        SLINGSHOT_HOST: '127.0.0.1',
        ...(bases === undefined ? {} : { SLINGSHOT_BASES: bases }),
        ...(model.adapters ? { SLINGSHOT_ADAPTERS: model.adapters.join(',') } : {}),
      },
    }),
  );
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const timer = setTimeout(() => {
    child.kill('SIGKILL');
    reject(new Error(`the model server of ${model.name} was not ready within ${limit / 1000} s`));
  }, limit);
  let errors = '';
  child.stderr?.on('data', (chunk) => {
    errors += chunk;
  });
  let listening = 0;
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
    const lines = output.split('\n');
    output = lines.pop() ?? '';
    for (const line of lines) {
      const event = JSON.parse(line);
      if (event.message === 'listening') listening = event.port;
      if (event.message === 'ready') resolve(listening);
    }
  });
  child.once('error', reject);
  child.once('exit', (code) => {
    const reason = errors
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^slingshot serve: /, '');
    reject(new Error(`the model server of ${model.name} ended (${code}): ${reason || 'it said nothing'}`));
  });
  try {
    return { child, port: await promise };
  } finally {
    clearTimeout(timer);
  }
}

function timeToStart({ directory }: Pick<FleetModel, 'directory'>): number {
  const { size } = statSync(join(directory, modelFiles.weights), { throwIfNoEntry: false }) ?? { size: 0 };
  return startMilliseconds + Math.ceil((1000 * size) / bytesPerSecond);
}
