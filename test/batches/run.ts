import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { program } from '../support/command-line.ts';

/** Rows of a chunk. */
const lanes = 16;
const sampleMilliseconds = 250;
/** How often a run says how far it is. */
const sayMilliseconds = 15_000;

/** `slingshot batch`, as a process of its own, watched while it runs. */
export class Run {
  readonly #child: ChildProcess;
  readonly #state: string;
  readonly #name: string;
  readonly #started = performance.now();
  readonly #ended: Promise<void>;
  #said = '';
  #seconds = 0;
  #peak = 0;
  #isOver = false;

  /** @param state the folder where it keeps its batches */
  constructor(name: string, state: string, args: readonly string[]) {
    this.#name = name;
    this.#state = state;
    this.#child = spawn(process.execPath, [program, 'batch', ...args, '--state', state], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (bytes) => {
        this.#said += bytes;
      });
    }
    const measuring = setInterval(() => this.#measure(), sampleMilliseconds);
    const saying = setInterval(async () => this.#say(`${await this.rows()} rows`), sayMilliseconds);
    this.#ended = new Promise((resolve) =>
      this.#child.once('close', () => {
        clearInterval(measuring);
        clearInterval(saying);
        this.#seconds = (performance.now() - this.#started) / 1000;
        this.#isOver = true;
        resolve();
      }),
    );
  }

  /** Of its memory, in MiB. */
  get peak(): number {
    return this.#peak;
  }

  /** Waits for its end. @returns what it said last */
  async end(): Promise<string> {
    await this.#ended;
    const [last = ''] = this.#said
      .trimEnd()
      .split('\n')
      .filter((line) => line.includes(': '))
      .slice(-2);
    const told = last.replace(/^batch_\w+: /, '');
    console.log(`${this.#name}: ${told} (${this.#seconds.toFixed(0)} s, ${this.#peak} MiB of memory at most)`);
    return told;
  }

  async batch(): Promise<string> {
    for (;;) {
      const [id] = /batch_[0-9a-f]+/.exec(this.#said) ?? [];
      if (id) return id;
      if (this.#isOver) throw new Error(`${this.#name}: ${this.#said}`);
      await sleep(50);
    }
  }

  /** How many rows are done, by the chunks that are there. */
  async rows(): Promise<number> {
    let chunks = 0;
    for await (const _ of glob('**/chunks*/*.jsonl*', { cwd: join(this.#state, 's3') })) chunks++;
    return chunks * lanes;
  }

  /** Waits until so many rows are done, or the run is over. */
  async done(rows: number): Promise<void> {
    while (!this.#isOver && (await this.rows()) < rows) await sleep(200);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Kills what the command started: its models. */
  killModels(): void {
    for (const task of readdirSync(`/proc/${this.#child.pid}/task`)) {
      const children = readFileSync(`/proc/${this.#child.pid}/task/${task}/children`, 'utf8').trim();
      for (const child of children.split(' ').filter(Boolean)) process.kill(Number(child), 'SIGKILL');
    }
  }

  #say(what: string): void {
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(0);
    console.log(`${this.#name}: ${seconds} s, ${what}, ${this.#peak} MiB of memory at most so far`);
  }

  #measure(): void {
    try {
      const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')) ?? [];
      this.#peak = Math.max(this.#peak, Math.round(Number(kilobytes ?? 0) / 1024));
    } catch {
      // It has ended.
    }
  }
}
