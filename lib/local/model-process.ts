import { fork } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { modelFiles } from '../../models/checkpoint/model-directory.ts';
import type { ExecutionProvider } from '../../models/runtime/providers.ts';
import type { FleetModel } from '../fleet.ts';
import type { Resources } from './resources.ts';

const main = join(import.meta.dirname, '..', '..', 'models', 'serving', 'main.ts');

/** A model must be ready within a minute, and a second more for every so many bytes of it. */
const startMilliseconds = 60_000;
const bytesPerSecond = 20e6;

export interface ModelProcessOptions {
  readonly provider: ExecutionProvider;
  readonly threads: number;
  readonly startMilliseconds?: number;
}

/**
 * Starts the serving container's process for a model, on loopback.
 *
 * @returns its URL
 * @throws Error with the process' own last words when it ends before its model is loaded, or when that takes too long
 */
export async function startModel(
  model: FleetModel,
  { provider, threads, startMilliseconds: limit = timeToStart(model) }: ModelProcessOptions,
  resources: Resources,
): Promise<string> {
  const child = resources.child(
    fork(main, ['serve'], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        ...process.env,
        SLINGSHOT_MODEL_DIRECTORY: model.directory,
        SLINGSHOT_PROVIDER: provider,
        SLINGSHOT_THREADS: String(threads),
        SLINGSHOT_PORT: '0',
        SLINGSHOT_HOST: '127.0.0.1',
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
    return `http://127.0.0.1:${await promise}`;
  } finally {
    clearTimeout(timer);
  }
}

function timeToStart({ directory }: FleetModel): number {
  const { size } = statSync(join(directory, modelFiles.weights), { throwIfNoEntry: false }) ?? { size: 0 };
  return startMilliseconds + Math.ceil((1000 * size) / bytesPerSecond);
}
