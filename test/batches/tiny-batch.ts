import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { saveModel } from '../../models/checkpoint/model-directory.ts';
import { tinyConfig, tinyTokenizer, tinyWeights } from '../support/tiny-fleet.ts';
import { Run } from './run.ts';

const config = { ...tinyConfig, block: 25, positions: 125 };
const steps = 6;
export const tokens = 25;

/** Batches of prompts to a tiny model, whose steps take less than what is around them. */
export class TinyBatches {
  readonly #folder: string;
  readonly #models: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#models = join(folder, 'models');
  }

  static async make(folder: string): Promise<TinyBatches> {
    const made = new TinyBatches(folder);
    await saveModel(join(made.#models, 'core'), config, await tinyTokenizer(), tinyWeights(config, 1));
    return made;
  }

  /** Where the results of a name go. */
  out(name: string): string {
    return join(this.#folder, `${name}.jsonl`);
  }

  /** Starts a batch of so many rows, in a state of its own. */
  async start(name: string, rows: number): Promise<Run> {
    const input = join(this.#folder, `${rows}-rows.jsonl`);
    const line = (i: number) =>
      JSON.stringify({ id: `row-${i}`, prompt: `To create queue ${i}`, slingshot: { steps } });
    await writeFile(input, `${Array.from({ length: rows }, (_, i) => line(i)).join('\n')}\n`);
    return this.#run(name, name, [input, '--tokens', String(tokens)]);
  }

  /** Lets the batch of a name go on. */
  resume(name: string, id: string, title: string): Run {
    return this.#run(title, name, ['resume', id]);
  }

  #run(title: string, name: string, args: readonly string[]): Run {
    const results = ['--models', this.#models, '--out', this.out(name)];
    return new Run(title, join(this.#folder, `${name}-state`), [...args, ...results]);
  }
}
