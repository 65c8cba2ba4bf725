import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadAnyModel, modelFiles, saveModel } from '../checkpoint/model-directory.ts';
import type { BadRow } from '../data/bad-row.ts';
import { readDocuments } from '../data/documents.ts';
import { dataFiles } from '../data/rows.ts';
import { type Corpus, tokenizeToFile } from '../data/tokenize.ts';
import { removeLeftovers, writeAtomically } from '../files/atomic-write.ts';
import { withFolderLock } from '../files/folder-lock.ts';
import { makeFolder } from '../files/make-folder.ts';
import { readText } from '../files/read-text.ts';
import type { Weights } from '../ssd2/graphs.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { trainTokenizer } from '../tokenizer/train-tokenizer.ts';
import { lossCurve } from './loss-curve.ts';
import { readMetrics } from './metrics.ts';
import type { Recipe } from './recipe.ts';
import { type TrainingOptions, train } from './trainer.ts';

export interface RunOptions extends Omit<TrainingOptions, 'from'> {
  /** The folder that the recipe's data paths start from. */
  readonly corpora: string;
  readonly onBadRow?: (error: BadRow) => void;
  readonly onTokenized?: (what: string, documents: number, tokens: number) => void;
  /** Called once data, tokenizer and weights are there. */
  readonly onStart?: (tokens: number) => void;
}

const tokenFolder = 'tokens';

/**
 * A recipe's whole run in `folder`: data to tokens, training, loss-curve.svg, and the finished model.
 *
 * @returns false when the signal stopped it before the budget was spent
 * @throws Error naming the file, the row or the field that is wrong, or the process that works in the folder
 */
export async function runRecipe(recipe: Recipe, folder: string, options: RunOptions): Promise<boolean> {
  await makeFolder(folder);
  return withFolderLock(folder, () => runLocked(recipe, folder, options));
}

async function runLocked(recipe: Recipe, folder: string, options: RunOptions): Promise<boolean> {
  for (const used of [folder, join(folder, tokenFolder)]) if (existsSync(used)) await removeLeftovers(used);
  const trainFiles = await filesOf(recipe, 'train', options.corpora);
  const validationFiles = await filesOf(recipe, 'validation', options.corpora);
  const tokenizerJson = await tokenizerFor(recipe, folder, trainFiles);
  const tokenizer = Tokenizer.parse(tokenizerJson);
  if (tokenizer.size !== recipe.model.vocabulary) {
    throw new Error(`the tokenizer has ${tokenizer.size} tokens, the recipe's model ${recipe.model.vocabulary}`);
  }
  const from = recipe.from === undefined ? undefined : await weightsOf(recipe.from, tokenizerJson);
  const corpus = (name: string, files: readonly string[]): Promise<Corpus> =>
    tokenizeToFile(files, recipe.data.format, tokenizer, tokenizerJson, join(folder, tokenFolder), name, {
      policy: recipe.data.onBadRow,
      onBadRow: (error) => options.onBadRow?.(error),
      onProgress: (documents, tokens) => options.onTokenized?.(name, documents, tokens),
    });
  const data = { train: await corpus('train', trainFiles), validation: await corpus('validation', validationFiles) };
  options.onStart?.(data.train.tokens.length);
  try {
    const buffers = await train(recipe, data, folder, { ...options, ...(from ? { from } : {}) });
    if (!options.signal?.aborted)
      await saveModel(folder, recipe.model, tokenizerJson, buffers.averages(), recipe.storage);
  } catch (error) {
    // Where there is no room for a picture either, it is the first error that matters.
    await drawLosses(folder).catch(() => {});
    throw error;
  }
  await drawLosses(folder);
  return !options.signal?.aborted;
}

async function drawLosses(folder: string): Promise<void> {
  const metrics = await readMetrics(folder);
  if (metrics.length === 0) return;
  await writeAtomically(join(folder, 'loss-curve.svg'), lossCurve(metrics, `Loss of ${folder}`));
}

/** Those of the largest vocabularies have about 30 MB. */
const tokenizerBytes = 2 ** 26;

async function filesOf({ data }: Recipe, split: 'train' | 'validation', corpora: string): Promise<string[]> {
  const paths = data[split];
  if (paths === undefined) throw new Error(`the recipe has no data.${split}, and none was given`);
  const files = await Promise.all([paths].flat().map((path) => dataFiles(resolve(corpora, path))));
  return files.flat();
}

/** The recipe's, or the starting model's, or this run's own from before, or a new one. */
async function tokenizerFor({ tokenizer, from, model, data }: Recipe, folder: string, files: readonly string[]) {
  const own = join(folder, modelFiles.tokenizer);
  const given = tokenizer ?? (from === undefined ? undefined : join(from, modelFiles.tokenizer));
  if (given !== undefined) return readText(given, tokenizerBytes);
  if (existsSync(own)) return readText(own, tokenizerBytes);
  const json = await trainTokenizer(piecesToLearnFrom(files, data), model.vocabulary);
  await writeAtomically(own, json);
  return json;
}

async function* piecesToLearnFrom(files: readonly string[], { format, onBadRow }: Recipe['data']) {
  for await (const part of readDocuments(files, format, { policy: onBadRow }))
    if (part.kind === 'piece') yield part.text;
}

async function weightsOf(directory: string, tokenizerJson: string): Promise<Weights> {
  const { weights } = await loadAnyModel(directory);
  if ((await readText(join(directory, modelFiles.tokenizer), tokenizerBytes)) !== tokenizerJson) {
    throw new Error(`the weights in ${directory} are of another tokenizer than the recipe's`);
  }
  return weights;
}
