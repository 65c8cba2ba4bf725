import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How long stops together, and then the children, may take to end when they are asked to. */
const graceMilliseconds = 2_000;

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * Owns what outlives the memory of a process: child processes and temporary folders; and what has to be stopped with
 * them. Whichever way the process ends, short of being killed outright, they end with it.
 */
export class Resources {
  static readonly #live = new Set<Resources>();
  readonly #children = new Set<ChildProcess>();
  readonly #folders = new Set<string>();
  readonly #stops: (() => Promise<unknown>)[] = [];
  #stopping: Promise<void> | undefined;
  #abandoned = false;

  constructor() {
    if (Resources.#live.size === 0) {
      for (const signal of signals) process.on(signal, abandonAndDie);
      process.on('exit', Resources.abandonAll);
    }
    Resources.#live.add(this);
  }

  /** Whether what ends now was meant to. */
  get ending(): boolean {
    return this.#abandoned || this.#stopping !== undefined;
  }

  /** A temporary folder of its own. */
  folder(prefix: string): string {
    const folder = mkdtempSync(join(tmpdir(), prefix));
    this.#folders.add(folder);
    return folder;
  }

  child(child: ChildProcess): ChildProcess {
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Something to stop before the children end; the last one taken stops first. */
  stopWith(stop: () => Promise<unknown>): void {
    this.#stops.push(stop);
  }

  /** Stops everything, within some four seconds; a child that does not end by itself by then is killed. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    try {
      await atMost(graceMilliseconds, this.#runStops());
      await Promise.all([...this.#children].map(endChild));
    } finally {
      this.abandon();
    }
  }

  async #runStops(): Promise<void> {
    for (const stop of this.#stops.reverse()) await stop();
  }

  /** Ends children and folders at once, without waiting: for a process that is about to end, and a start that failed. */
  abandon(): void {
    this.#abandoned = true;
    for (const child of this.#children) child.kill('SIGKILL');
    // Somebody may be putting a last file into it.
    const options = { recursive: true, force: true, maxRetries: 5, retryDelay: 20 };
    for (const folder of this.#folders) rmSync(folder, options);
    this.#folders.clear();
    Resources.#live.delete(this);
    if (Resources.#live.size > 0) return;
    for (const signal of signals) process.off(signal, abandonAndDie);
    process.off('exit', Resources.abandonAll);
  }

  static abandonAll(): void {
    for (const resources of Resources.#live) resources.abandon();
  }
}

/** Abandoning takes the handler away, so that the signal, sent again, does what it does by default. */
function abandonAndDie(signal: NodeJS.Signals): void {
  Resources.abandonAll();
  process.kill(process.pid, signal);
}

/** Asks a child to end, and ends it where it does not. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await atMost(graceMilliseconds, exited);
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await exited;
}

/** Waits for something, but not for ever. */
async function atMost(milliseconds: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
