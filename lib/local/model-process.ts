import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { ExecutionProvider } from '../../models/runtime/providers.ts';
import type { FleetModel } from '../fleet.ts';

const main = join(import.meta.dirname, '..', '..', 'models', 'serving', 'main.ts');

export interface ModelProcessOptions {
  readonly provider: ExecutionProvider;
  readonly threads: number;
}

/** The serving container's process, on loopback. */
export class ModelProcess {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#child = child;
  }

  /** @throws Error with the process' own last words when it ends before its model is loaded */
  static async start(model: FleetModel, { provider, threads }: ModelProcessOptions): Promise<ModelProcess> {
    const child = fork(main, ['serve'], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        ...process.env,
        SLINGSHOT_MODEL_DIRECTORY: model.directory,
        SLINGSHOT_PROVIDER: provider,
        SLINGSHOT_THREADS: String(threads),
        SLINGSHOT_PORT: '0',
        SLINGSHOT_HOST: '127.0.0.1',
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
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
    });
    return new ModelProcess(`http://127.0.0.1:${port}`, child);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await exited;
  }
}
