import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { glob, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { saveModel } from '../../models/checkpoint/model-directory.ts';
import { program } from '../support/command-line.ts';
import { tinyConfig, tinyTokenizer, tinyWeights } from '../support/tiny-fleet.ts';

const config = { ...tinyConfig, block: 25, positions: 125 };
const tokens = 25;
const steps = 6;
/** Of a chunk. */
const lanes = 16;

/** A batch to its end; and the same with its process killed, then a model's, and resumed each time: byte for byte alike. */
export async function proveKilled(folder: string, rows: number): Promise<void> {
  const models = join(folder, 'models');
  await saveModel(join(models, 'core'), config, await tinyTokenizer(), tinyWeights(config, 1));
  const input = join(folder, 'rows.jsonl');
  const line = (i: number) => JSON.stringify({ id: `row-${i}`, prompt: `To create queue ${i}`, slingshot: { steps } });
  await writeFile(input, `${Array.from({ length: rows }, (_, i) => line(i)).join('\n')}\n`);
  const place = (name: string) => ['--models', models, '--state', join(folder, name)];
  const out = (name: string) => join(folder, `${name}.jsonl`);

  const whole = new Run(['batch', input, '--tokens', String(tokens), '--out', out('whole'), ...place('a')]);
  await whole.end();
  console.log(`${rows} prompts of ${tokens} tokens: ${whole.told()}`);

  const cut = new Run(['batch', input, '--tokens', String(tokens), '--out', out('cut'), ...place('b')]);
  const id = await cut.batch();
  await cut.done(0.2 * rows, join(folder, 'b'));
  cut.kill();
  await cut.end();
  console.log(`killed with SIGKILL: ${cut.told()}`);
  const resume = () => new Run(['batch', 'resume', id, '--out', out('cut'), ...place('b')]);
  const second = resume();
  await second.done(0.5 * rows, join(folder, 'b'));
  second.killModel();
  await second.end();
  console.log(`its model killed with SIGKILL: ${second.told()}`);
  const third = resume();
  await third.end();
  console.log(`resumed: ${third.told()}`);

  const [a, b] = await Promise.all([readFile(out('whole')), readFile(out('cut'))]);
  const ids = b
    .toString()
    .trimEnd()
    .split('\n')
    .map((one) => JSON.parse(one).id);
  if (new Set(ids).size !== rows || ids.length !== rows) throw new Error(`${ids.length} rows came back of ${rows}`);
  if (!a.equals(b)) throw new Error('the batch that was cut off gave something else');
  console.log(`every row once, ${a.length} bytes alike`);
}

/** The command, as a process of its own. */
class Run {
  readonly #child: ChildProcess;
  readonly #started = performance.now();
  readonly #ended: Promise<void>;
  #said = '';
  #seconds = 0;
  #peak = 0;

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (bytes) => {
        this.#said += bytes;
      });
    }
    const watching = setInterval(() => this.#measure(), 250);
    this.#ended = new Promise((resolve) =>
      this.#child.once('close', () => {
        clearInterval(watching);
        this.#seconds = (performance.now() - this.#started) / 1000;
        resolve();
      }),
    );
  }

  end(): Promise<void> {
    return this.#ended;
  }

  async batch(): Promise<string> {
    for (;;) {
      const [id] = /batch_[0-9a-f]+/.exec(this.#said) ?? [];
      if (id) return id;
      await sleep(50);
    }
  }

  /** Waits until some rows are done, by the chunks that are there. */
  async done(rows: number, state: string): Promise<void> {
    for (;;) {
      let chunks = 0;
      for await (const _ of glob('**/chunks*/*.jsonl*', { cwd: join(state, 's3') })) chunks++;
      if (chunks * lanes >= rows || this.#seconds > 0) return;
      await sleep(200);
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  killModel(): void {
    const { pid } = this.#child;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
    for (const child of children) if (child > 0) process.kill(child, 'SIGKILL');
  }

  told(): string {
    const [last = ''] = this.#said
      .trimEnd()
      .split('\n')
      .filter((line) => line.includes(': '))
      .slice(-2);
    return `${last.replace(/^batch_\w+: /, '')} (${this.#seconds.toFixed(0)} s, ${this.#peak} MiB of memory at most)`;
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
