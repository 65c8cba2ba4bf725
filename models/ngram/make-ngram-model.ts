import { copyFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { loadAdapter } from '../checkpoint/adapter-directory.ts';
import { ModelError, modelFiles, parseConfigFile } from '../checkpoint/model-directory.ts';
import { loadServedConfig, loadServedTokenizer } from '../checkpoint/served-model.ts';
import { dataFiles } from '../data/rows.ts';
import { tokenizeInMemory } from '../data/tokenize.ts';
import { writeAtomically } from '../files/atomic-write.ts';
import { makeFolder } from '../files/make-folder.ts';
import { parseTunedConfig } from '../network/tuned-config.ts';
import { formatNgramConfig, ngramFile } from './ngram-config.ts';
import { NgramModel, ngramDefaults } from './ngram-model.ts';

export interface NgramModelOptions {
  /** A file or folder of JSON Lines or plain text. */
  readonly data: string;
  /** The core that it will correct: its tokenizer and block are the model's, its tokens' frequency the prior. */
  readonly core: string;
  readonly folder: string;
  /** Whether the core's base reads beside the n-grams, which makes the model as slow as the core. */
  readonly reader?: boolean;
  /** The folder of a tuned base that reads in its place. */
  readonly tuned?: string;
  readonly order?: number;
  /** What the model's file takes at most. */
  readonly maxBytes?: number;
  readonly onTokenized?: (documents: number, tokens: number) => void;
}

/**
 * Makes a tenant's n-gram model of its documents: a model folder that serves as its David.
 *
 * @throws Error naming the file that cannot be read, or ModelError when the core cannot have such a tenant
 */
export async function makeNgramModel(options: NgramModelOptions): Promise<{ tokens: number; bytes: number }> {
  const { data, core, folder, tuned, order = ngramDefaults.order, maxBytes = ngramDefaults.maxBytes } = options;
  const served = await loadServedConfig(core);
  const { vocabulary, endOfText, block, positions, tokenizerDirectory } = served;
  const corrected = tuned === undefined ? undefined : await parseConfigFile(tuned, parseTunedConfig);
  const reads = options.reader || corrected !== undefined;
  const tokenizer = await loadServedTokenizer(core);
  const files = await dataFiles(data);
  const { tokens } = await tokenizeInMemory(files, tokenizer, {
    policy: 'fail',
    ...(options.onTokenized ? { onProgress: options.onTokenized } : {}),
  });
  const adapted = served.kind === 'adapter' ? await loadAdapter(core) : undefined;
  if (reads && !adapted) throw new ModelError(`${core} has no base that could read beside the n-grams`);
  if (corrected && corrected.baseDigest !== adapted?.base.digest) {
    throw new ModelError(`${tuned}: it corrects a base of digest ${corrected.baseDigest}, ${core} has another`);
  }
  const prior = adapted?.adapter.get('prior')?.data;
  const model = NgramModel.train(documents(tokens, endOfText), {
    ...{ vocabulary, order, maxBytes },
    ...(prior ? { prior: normalised(prior) } : {}),
  });
  const bytes = model.encode();
  await makeFolder(folder);
  const config = formatNgramConfig({
    ...{ vocabulary, endOfText, block, positions, order },
    base: relative(resolve(folder), tokenizerDirectory),
    ...(reads && adapted ? { baseDigest: adapted.base.digest } : {}),
    ...(corrected ? { correction: corrected } : {}),
  });
  await writeAtomically(join(folder, modelFiles.config), `${JSON.stringify(config, null, 2)}\n`);
  await writeAtomically(join(folder, ngramFile), [bytes]);
  if (tuned !== undefined) await copyFile(join(tuned, modelFiles.weights), join(folder, modelFiles.weights));
  return { tokens: tokens.length, bytes: bytes.length };
}

/** A corpus' documents, each with the end-of-text that closes it. */
function* documents(
  tokens: ArrayLike<number> & { subarray(from: number, to: number): ArrayLike<number> },
  end: number,
) {
  let start = 0;
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i] !== end) continue;
    yield tokens.subarray(start, i + 1);
    start = i + 1;
  }
}

/** Probabilities from their logarithms, in float64, so that they sum to 1. */
function normalised(logarithms: Float32Array): Float64Array {
  const probabilities = Float64Array.from(logarithms, Math.exp);
  const sum = probabilities.reduce((a, b) => a + b, 0);
  return probabilities.map((value) => value / sum);
}
