import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sentences, tinyFleet } from './tiny-fleet.ts';
import { tinyRecipeJson } from './training.ts';

/** What the command line is given: a fleet's folder, text, and a recipe to train by. */
export interface CommandLineFiles {
  readonly models: string;
  /** A folder with `text.jsonl` and `recipe.yaml`. */
  readonly work: string;
  remove(): Promise<void>;
}

export async function commandLineFiles(): Promise<CommandLineFiles> {
  const tiny = await tinyFleet();
  const work = await mkdtemp(join(tmpdir(), 'slingshot-cli-'));
  await writeFile(join(work, 'text.jsonl'), `${JSON.stringify({ text: sentences.join(' ').repeat(12) })}\n`.repeat(2));
  await writeFile(join(work, 'recipe.yaml'), tinyRecipeJson());
  return {
    ...{ models: tiny.folder, work },
    async remove() {
      await tiny.remove();
      await rm(work, { recursive: true });
    },
  };
}
