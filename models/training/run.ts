import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadAdapter, loadRunnableBase, type RunnableBase, saveAdapter } from '../checkpoint/adapter-directory.ts';
import { chatOf } from '../checkpoint/base.ts';
import { loadModel, modelFiles, saveModel } from '../checkpoint/model-directory.ts';
import { loadTuned, saveTuned } from '../checkpoint/tuned-directory.ts';
import type { BadRow } from '../data/bad-row.ts';
import { readDocuments } from '../data/documents.ts';
import { dataFiles } from '../data/rows.ts';
import { type Corpus, tokenizeToFile } from '../data/tokenize.ts';
import { removeLeftovers, writeAtomically } from '../files/atomic-write.ts';
import { withFolderLock } from '../files/folder-lock.ts';
import { makeFolder } from '../files/make-folder.ts';
import { readText } from '../files/read-text.ts';
import type { Weights } from '../ssd2/graphs.ts';
import type { InformationTable } from '../ssd2/information.ts';
import { parameterCount } from '../ssd2/parameters.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { trainTokenizer } from '../tokenizer/train-tokenizer.ts';
import { lossCurve } from './loss-curve.ts';
import { readMetrics } from './metrics.ts';
import type { Recipe } from './recipe.ts';
import { type Trainee, traineeOf } from './trainee.ts';
import { type TrainingOptions, train } from './trainer.ts';

export interface RunOptions extends Omit<TrainingOptions, 'from' | 'trainee'> {
  /** The folder that the recipe's data paths start from. */
  readonly corpora: string;
  readonly onBadRow?: (error: BadRow) => void;
  readonly onTokenized?: (what: string, documents: number, tokens: number) => void;
  /** Called once data, tokenizer and weights are there. */
  readonly onStart?: (tokens: number, parameters: number) => void;
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
  const chatFiles = recipe.data.chat === undefined ? undefined : await filesOf(recipe, 'chat', options.corpora);
  const tokenizerJson = await tokenizerFor(recipe, folder, trainFiles);
  const tokenizer = Tokenizer.parse(tokenizerJson);
  if (tokenizer.size !== recipe.model.vocabulary) {
    throw new Error(`the tokenizer has ${tokenizer.size} tokens, the recipe's model ${recipe.model.vocabulary}`);
  }
  const base = 'base' in recipe.model ? await loadRunnableBase(recipe.model.base, recipe.provider) : undefined;
  const from = recipe.from === undefined ? undefined : await weightsOf(recipe, recipe.from, tokenizerJson);
  const chat = base && chatOf({ ...base, tokenizer });
  const corpus = (name: string, files: readonly string[], format = recipe.data.format): Promise<Corpus> =>
    tokenizeToFile(files, format, tokenizer, tokenizerJson, join(folder, tokenFolder), name, {
      policy: recipe.data.onBadRow,
      chat,
      onBadRow: (error) => options.onBadRow?.(error),
      onProgress: (documents, tokens) => options.onTokenized?.(name, documents, tokens),
    });
  const data = {
    train: await corpus('train', trainFiles),
    validation: await corpus('validation', validationFiles),
    ...(chatFiles ? { chat: await corpus('chat', chatFiles, 'instructions') } : {}),
  };
  const trainee = traineeOf(recipe, data.train, base?.network, data.chat);
  options.onStart?.(data.train.tokens.length, parameterCount(trainee.specs));
  try {
    const weights = (await train(recipe, data, folder, { ...options, trainee, ...(from ? { from } : {}) })).averages();
    if (!options.signal?.aborted) await saveTrained(recipe, trainee, base, folder, tokenizerJson, weights);
  } catch (error) {
    // Where there is no room for a picture either, it is the first error that matters.
    await drawLosses(folder).catch(() => {});
    throw error;
  }
  await drawLosses(folder);
  return !options.signal?.aborted;
}

async function saveTrained(
  { model, storage }: Recipe,
  { information }: Trainee,
  base: RunnableBase | undefined,
  folder: string,
  tokenizerJson: string,
  weights: Weights,
): Promise<void> {
  if (!('base' in model)) return saveModel(folder, model, tokenizerJson, weights, storage);
  const baseDigest = (base as RunnableBase).digest;
  if (model.kind === 'tuned') return saveTuned(folder, { ...model, baseDigest }, model.base, weights, storage);
  const { timesteps, open } = information as InformationTable;
  await saveAdapter(folder, { ...model, baseDigest, information: { timesteps, open } }, model.base, weights, storage);
}

async function drawLosses(folder: string): Promise<void> {
  const metrics = await readMetrics(folder);
  if (metrics.length === 0) return;
  await writeAtomically(join(folder, 'loss-curve.svg'), lossCurve(metrics, `Loss of ${folder}`));
}

/** Those of the largest vocabularies have about 30 MB. */
const tokenizerBytes = 2 ** 26;

async function filesOf({ data }: Recipe, split: 'train' | 'validation' | 'chat', corpora: string): Promise<string[]> {
  const paths = data[split];
  if (paths === undefined) throw new Error(`the recipe has no data.${split}, and none was given`);
  const files = await Promise.all([paths].flat().map((path) => dataFiles(resolve(corpora, path))));
  return files.flat();
}

/** The recipe's, or the starting model's, or this run's own from before, or a new one. */
async function tokenizerFor({ tokenizer, from, model, data }: Recipe, folder: string, files: readonly string[]) {
  const own = join(folder, modelFiles.tokenizer);
  const shared = 'base' in model ? model.base : from;
  const given = tokenizer ?? (shared === undefined ? undefined : join(shared, modelFiles.tokenizer));
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

async function weightsOf({ model }: Recipe, directory: string, tokenizerJson: string): Promise<Weights> {
  if (model.kind === 'adapter') return (await loadAdapter(directory)).adapter;
  if (model.kind === 'tuned') return (await loadTuned(directory)).network.correction;
  const { weights } = await loadModel(directory);
  if ((await readText(join(directory, modelFiles.tokenizer), tokenizerBytes)) !== tokenizerJson) {
    throw new Error(`the weights in ${directory} are of another tokenizer than the recipe's`);
  }
  return weights;
}
