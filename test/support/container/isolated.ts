import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Image } from './image.ts';

/** Whether this machine lets a test make namespaces; a container runtime needs the same. */
export const canIsolate =
  process.platform === 'linux' &&
  process.getuid?.() === 0 &&
  spawnSync('unshare', ['--net', '--mount', 'setpriv', '--version']).status === 0;

/**
 * As a container runtime starts an image that it was told to distrust: no network but loopback, every file system read-only,
 * the image's own user and environment, no way to more rights.
 */
export class IsolatedContainer {
  readonly process: ChildProcess;
  #output = '';

  /**
   * @param opt a folder that is /opt inside
   * @param writable whether there is a /tmp to write into
   */
  constructor(
    image: Image,
    args: readonly string[],
    {
      opt,
      environment = {},
      writable = false,
    }: { opt: string; environment?: Record<string, string>; writable?: boolean },
  ) {
    const [user, group] = image.user.split(':');
    const variables = Object.entries({ ...image.environment, ...environment }).map((pair) => pair.join('='));
    const script = [
      'ip link set lo up',
      'mount --make-rprivate /',
      `mount --bind '${opt}' /opt`,
      'mount -o remount,bind,ro /opt',
      'mount -o remount,bind,ro /',
      ...(writable ? ['mount -t tmpfs -o size=1m,mode=1777 tmpfs /tmp'] : []),
      `cd ${image.workingDirectory}`,
      'exec "$@"',
    ].join(' && ');
    const asUser = ['setpriv', `--reuid=${user}`, `--regid=${group}`, '--clear-groups', '--no-new-privs'];
    const started = [...image.entryPoint, ...(args.length > 0 ? args : image.command)];
    this.process = spawn(
      'unshare',
      [
        '--net',
        '--mount',
        'sh',
        '-ec',
        script,
        'sh',
        ...asUser,
        '--bounding-set=-all',
        'env',
        '-i',
        ...variables,
        ...started,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (chunk) => {
        this.#output += chunk;
      });
    }
  }

  get output(): string {
    return this.#output;
  }

  /** Of /proc. */
  about(file: string): Promise<string> {
    return readFile(join('/proc', String(this.process.pid), file), 'utf8');
  }

  /** Waits until somebody is connected to it. */
  async connected(): Promise<void> {
    const established = '01';
    const port = (8080).toString(16).toUpperCase();
    for (;;) {
      const sockets = (await this.about('net/tcp')).split('\n').map((line) => line.trim().split(/\s+/));
      if (sockets.some(([, local, , state]) => local?.endsWith(`:${port}`) && state === established)) return;
      await sleep(2);
    }
  }

  /** Asks from inside its network. */
  async ask(
    method: string,
    path: string,
    body?: Uint8Array,
  ): Promise<{ status: number; body: Buffer; milliseconds: number }> {
    const script = `
      const chunks = [];
      for await (const chunk of process.stdin) chunks.push(chunk);
      const body = ${JSON.stringify(method)} === 'GET' ? undefined : Buffer.concat(chunks);
      const started = performance.now();
      const answer = await fetch('http://127.0.0.1:8080${path}', { method: ${JSON.stringify(method)}, body });
      const bytes = Buffer.from(await answer.arrayBuffer());
      const milliseconds = performance.now() - started;
      process.stdout.write(JSON.stringify({ status: answer.status, milliseconds, body: bytes.toString('base64') }));`;
    const asked = promisify(execFile)(
      'nsenter',
      [`--net=/proc/${this.process.pid}/ns/net`, process.execPath, '--input-type=module', '-e', script],
      { maxBuffer: 64 * 2 ** 20 },
    );
    asked.child.stdin?.end(body ?? '');
    const { status, milliseconds, body: answer } = JSON.parse((await asked).stdout);
    return { status, milliseconds, body: Buffer.from(answer, 'base64') };
  }

  /** @returns its exit code and how many milliseconds it took */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<{ code: number | null; milliseconds: number }> {
    const started = performance.now();
    const exited = this.process.exitCode === null ? once(this.process, 'exit') : Promise.resolve();
    this.process.kill(signal);
    await exited;
    return { code: this.process.exitCode, milliseconds: performance.now() - started };
  }
}
