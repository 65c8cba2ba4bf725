import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadModel, type Model, modelFiles, saveModel } from '../models/checkpoint/model-directory.ts';
import { readTexts } from '../models/data/documents.ts';
import { dataFiles } from '../models/data/rows.ts';
import { type Corpus, tokenizeInMemory } from '../models/data/tokenize.ts';
import { writeAtomically } from '../models/files/atomic-write.ts';
import { withFolderLock } from '../models/files/folder-lock.ts';
import { makeFolder } from '../models/files/make-folder.ts';
import type { AutoregressiveConfig, DiffusionConfig, NetworkConfig } from '../models/ssd2/config.ts';
import { Tokenizer } from '../models/tokenizer/tokenizer.ts';
import { trainTokenizer } from '../models/tokenizer/train-tokenizer.ts';
import type { NetworkRecipe, Recipe } from '../models/training/recipe.ts';
import { runRecipe } from '../models/training/run.ts';
import { train } from '../models/training/trainer.ts';

/** The texts that experiments train on; `core` is a tenth of the core's corpus. */
export const domains = {
  'fairy-tales': 'tenants/fairy-tales',
  'contact-center': 'tenants/contact-center',
  'broadcast-video': 'tenants/broadcast-video',
  core: 'core',
} as const;
export type Domain = keyof typeof domains;

const vocabulary = 320;
const coreSample = 10;

/** The model that experiments vary: small enough that three seeds of it train in minutes. */
export const baseModel: DiffusionConfig = {
  kind: 'ssd2',
  ...{ vocabulary, width: 96, layers: 3, heads: 4, feedForward: 384, positions: 150, endOfText: 0, block: 25 },
  simplex: 'posterior',
  selfConditioning: 'mean',
  contextMask: 'causal',
  attentionBias: 'linear',
};

export const baseBatch = { sequences: 8, blocks: 5, accumulate: 1 };

/** Noised tokens. */
export const tokensPerStep = baseBatch.sequences * baseBatch.blocks * baseModel.block;
/** Of the autoregressive model, which learns all tokens of a sequence but the first. */
export const autoregressiveTokensPerStep = baseBatch.sequences * ((baseBatch.blocks + 1) * baseModel.block - 1);

/** What tells one training of an experiment from another. */
export interface Training {
  readonly model: NetworkConfig;
  readonly domain: Domain;
  readonly seed: number;
  readonly steps: number;
  readonly objective?: Partial<Recipe['objective']>;
  readonly learningRate?: number;
  readonly from?: Trained;
  /** The experiments' own when absent. */
  readonly vocabulary?: Vocabulary;
}

/** A tokenizer and its file's text. */
export interface Vocabulary {
  readonly json: string;
  readonly tokenizer: Tokenizer;
}

/** What a training asks of the trainer. */
export function recipeOf({
  model,
  seed,
  steps,
  objective,
  learningRate = 0.003,
}: Omit<Training, 'domain' | 'vocabulary'>): NetworkRecipe {
  return {
    model,
    data: { format: 'text', onBadRow: 'fail' },
    seed,
    batch: baseBatch,
    budget: { steps },
    objective: {
      timesteps: [0, 1],
      selfConditioning: 0,
      nextTokenWeight: model.kind === 'ssd2' && model.contextMask === 'causal' ? 1 : 0,
      ...objective,
    },
    optimiser: {
      ...{ learningRate, warmup: 30, finalLearningRate: 0.05, beta1: 0.9, beta2: 0.98 },
      ...{ weightDecay: 0.05, clipNorm: 1, emaDecay: 0.99 },
    },
    validation: { every: steps, batches: 1 },
    checkpointEvery: steps,
    storage: 'fp32',
    provider: 'cpu',
  };
}

export interface Trained {
  readonly directory: string;
  readonly model: Model<NetworkConfig>;
  /** Of training. */
  readonly seconds: number;
}

export interface LabOptions {
  /** Where models are kept, so that an experiment that was stopped goes on, and experiments share them. */
  readonly folder: string;
  readonly corpora: string;
  /** Training steps of a full run. */
  readonly steps: number;
  readonly seeds: readonly number[];
  /** Of what is measured, prompts or gaps, where that is not as many as the experiment says. */
  readonly count?: number;
  /** Of training; the results do not depend on it beyond rounding. */
  readonly threads?: number;
  readonly onProgress?: (what: string) => void;
}

/** Data, tokenizer and trained models that experiments share. */
export class Lab {
  readonly options: LabOptions;
  #tokenizer: Promise<Vocabulary> | undefined;
  readonly #corpora = new Map<string, Promise<Corpus & { tokens: Uint16Array }>>();

  constructor(options: LabOptions) {
    this.options = options;
  }

  get seeds(): readonly number[] {
    return this.options.seeds;
  }

  get steps(): number {
    return this.options.steps;
  }

  progress(what: string): void {
    this.options.onProgress?.(what);
  }

  files(domain: Domain, split: 'train' | 'valid'): Promise<string[]> {
    return dataFiles(join(this.options.corpora, `${domains[domain]}.${split}.jsonl.gz`));
  }

  /** One for all experiments, trained on the tenants' texts. */
  tokenizer(): Promise<Vocabulary> {
    this.#tokenizer ??= this.#makeTokenizer();
    return this.#tokenizer;
  }

  async #makeTokenizer() {
    const path = join(this.options.folder, 'tokenizer.json');
    await makeFolder(this.options.folder);
    if (!existsSync(path)) {
      this.progress('training the tokenizer');
      const texts: string[] = [];
      for (const domain of ['fairy-tales', 'contact-center'] as const) {
        for await (const text of readTexts(await this.files(domain, 'train'))) texts.push(text);
      }
      await writeAtomically(path, await trainTokenizer(texts, vocabulary));
    }
    const json = await readFile(path, 'utf8');
    return { json, tokenizer: Tokenizer.parse(json) };
  }

  corpus(domain: Domain, split: 'train' | 'valid', vocabulary?: Vocabulary): Promise<Corpus & { tokens: Uint16Array }> {
    const key = `${domain}.${split}.${vocabulary?.tokenizer.size ?? ''}`;
    const known = this.#corpora.get(key);
    if (known) return known;
    const made = this.#tokenize(domain, split, vocabulary);
    this.#corpora.set(key, made);
    return made;
  }

  async #tokenize(domain: Domain, split: 'train' | 'valid', vocabulary?: Vocabulary) {
    this.progress(`tokenizing ${domain} ${split}`);
    const { tokenizer } = vocabulary ?? (await this.tokenizer());
    if (domain === 'core' && split === 'train') return tokenizeInMemory([await this.coreSample()], tokenizer);
    return tokenizeInMemory(await this.files(domain, split), tokenizer);
  }

  /** A file with every tenth document of the core's corpus. */
  async coreSample(): Promise<string> {
    const path = join(this.options.folder, 'core-sample.jsonl');
    if (existsSync(path)) return path;
    await makeFolder(this.options.folder);
    let [row, sample] = [0, ''];
    for await (const text of readTexts(await this.files('core', 'train')))
      if (row++ % coreSample === 0) sample += `${JSON.stringify({ text })}\n`;
    await writeAtomically(path, sample);
    return path;
  }

  /** Trains, or finds what was trained before in the lab's folder. */
  async train(training: Training): Promise<Trained> {
    const { domain, from } = training;
    const recipe = recipeOf(training);
    const key = [recipe, domain, from?.directory];
    const directory = join(this.options.folder, 'models', digestOf(key));
    const summary = join(directory, 'summary.json');
    if (!existsSync(summary)) {
      await makeFolder(directory);
      await withFolderLock(directory, async () => {
        if (!existsSync(summary)) await this.#train(training, recipe, directory, summary, JSON.stringify(key));
      });
    }
    const { seconds } = JSON.parse(readFileSync(summary, 'utf8'));
    return { directory, model: await loadModel(directory), seconds };
  }

  async #train(training: Training, recipe: Recipe, directory: string, summary: string, key: string): Promise<void> {
    const { model, domain, steps, from, vocabulary } = training;
    const [text, validation] = await Promise.all([
      this.corpus(domain, 'train', vocabulary),
      this.corpus(domain, 'valid', vocabulary),
    ]);
    this.progress(`training ${describe(training)}`);
    let seconds = 0;
    const buffers = await train(recipe, { train: text, validation }, directory, {
      ...(from ? { from: from.model.weights } : {}),
      ...(this.options.threads === undefined ? {} : { runtime: { threads: this.options.threads } }),
      onMetrics: (metrics) => {
        seconds = metrics.seconds;
        this.progress(
          `training ${describe(training)}: ${metrics.step} of ${steps} steps, loss ${metrics.loss.toFixed(3)}`,
        );
      },
    });
    const { json } = vocabulary ?? (await this.tokenizer());
    await saveModel(directory, model, json, buffers.averages(), 'fp32');
    await writeAtomically(summary, JSON.stringify({ key, seconds }));
  }

  /** Runs a recipe as `slingshot train` does, unless its model is in the folder. */
  async runOnce(name: string, recipe: Recipe, directory: string): Promise<void> {
    if (existsSync(join(directory, modelFiles.weights))) return;
    const { corpora, threads } = this.options;
    await runRecipe(recipe, directory, {
      corpora,
      ...(threads === undefined ? {} : { runtime: { threads } }),
      onMetrics: ({ step, loss }) => this.progress(`training ${name}: step ${step}, loss ${loss.toFixed(3)}`),
    });
  }

  /**
   * What was computed before in the lab's folder, or computes it, so that a stopped experiment goes on.
   *
   * @param kind the experiment's folder
   * @param key all that the value depends on
   */
  async kept<T>(kind: string, key: unknown, compute: () => Promise<T>): Promise<T> {
    const folder = join(this.options.folder, kind);
    const path = join(folder, `${digestOf(key)}.json`);
    if (existsSync(path)) return JSON.parse(await readFile(path, 'utf8'));
    await makeFolder(folder);
    const value = await compute();
    await writeAtomically(path, JSON.stringify(value));
    return value;
  }

  /** One training a seed. */
  async trainSeeds(training: Omit<Training, 'seed'>): Promise<Trained[]> {
    const trained: Trained[] = [];
    for (const seed of this.seeds) trained.push(await this.train({ ...training, seed }));
    return trained;
  }
}

export function digestOf(key: unknown): string {
  return createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 16);
}

function describe({ model, domain, seed, objective }: Training): string {
  const kind = model.kind === 'ssd2' ? `ssd2 ${model.contextMask} ${model.selfConditioning}` : model.kind;
  return `${kind} ${model.width} x ${model.layers} on ${domain}, ${JSON.stringify(objective ?? {})}, seed ${seed}`;
}

/** The autoregressive model of the same shape. */
export function autoregressive(model: DiffusionConfig): AutoregressiveConfig {
  const { vocabulary, width, layers, heads, feedForward, positions, endOfText, attentionBias } = model;
  return {
    kind: 'autoregressive',
    ...{ vocabulary, width, layers, heads, feedForward, positions, endOfText, attentionBias },
  };
}
