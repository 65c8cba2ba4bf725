import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isAdapterJson, parseAdapterConfig } from '../network/adapter-config.ts';
import { isTunedJson, parseTunedConfig } from '../network/tuned-config.ts';
import { isNgramJson, ngramFile, parseNgramConfig } from '../ngram/ngram-config.ts';
import { parseNetworkConfig } from '../ssd2/config.ts';
import { ChatTemplate } from '../tokenizer/chat-template.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { baseFiles } from './base.ts';
import { loadTokenizer, ModelError, modelFiles, parseConfigFile } from './model-directory.ts';

/** What a request, a reducer and a fleet must know of a model that answers denoise steps, whatever it is made of. */
export interface ServedConfig {
  readonly kind: 'ssd2' | 'adapter' | 'ngram';
  readonly vocabulary: number;
  /** B, the number of tokens denoised together. */
  readonly block: number;
  /** The longest sequence, context, prompt and generated text together, in tokens. */
  readonly positions: number;
  readonly endOfText: number;
  /** Where its tokenizer lies: with its base, if it has one. */
  readonly tokenizerDirectory: string;
  /** Whether it computes by its base's weights, too. */
  readonly needsBase: boolean;
  /** Of the base's weights, where its config says so. */
  readonly baseDigest: string | undefined;
  /** Where its weights lie, in the model's own folder. */
  readonly weightsFiles: readonly string[];
}

/** @throws ModelError when the folder has no config.json of a model that answers denoise steps */
export async function loadServedConfig(directory: string): Promise<ServedConfig> {
  const config = await parseConfigFile(directory, (json) => {
    if (isAdapterJson(json)) return parseAdapterConfig(json);
    if (isTunedJson(json)) return parseTunedConfig(json);
    return isNgramJson(json) ? parseNgramConfig(json) : parseNetworkConfig(json);
  });
  if (config.kind === 'tuned') {
    throw new ModelError(
      `${directory} is a tuned base, which is served beside counts: slingshot ngram --tuned ${directory} makes that model`,
    );
  }
  if (config.kind === 'autoregressive') {
    throw new ModelError(`${directory} is a model of type ${config.kind}, not ssd2`);
  }
  const { kind, vocabulary, block, positions, endOfText } = config;
  return {
    ...{ kind, vocabulary, block, positions, endOfText },
    tokenizerDirectory: 'base' in config ? resolve(directory, config.base) : directory,
    needsBase: kind === 'adapter' || ('baseDigest' in config && config.baseDigest !== undefined),
    baseDigest: 'baseDigest' in config ? config.baseDigest : undefined,
    weightsFiles: [
      ...(kind === 'ngram' ? [ngramFile] : []),
      ...(kind !== 'ngram' || config.correction ? [modelFiles.weights] : []),
    ],
  };
}

/** @throws ModelError */
export async function loadServedTokenizer(directory: string): Promise<Tokenizer> {
  return loadTokenizer((await loadServedConfig(directory)).tokenizerDirectory);
}

/**
 * How the model's base was taught to be asked, if it was.
 *
 * @throws ModelError when its file cannot be read
 */
export async function loadChatTemplate(directory: string, tokenizer: Tokenizer): Promise<ChatTemplate | undefined> {
  const { tokenizerDirectory } = await loadServedConfig(directory);
  const path = join(tokenizerDirectory, baseFiles.tokenizerConfig);
  try {
    const { chat_template: template } = JSON.parse(await readFile(path, 'utf8'));
    return typeof template === 'string' ? new ChatTemplate(template, tokenizer) : undefined;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ModelError(`${path} cannot be used: ${(cause as Error).message}`, { cause });
  }
}

/** A model's digest: of what decides its answers. Two models of one version answer alike. */
export async function modelVersion(directory: string): Promise<string> {
  const { weightsFiles } = await loadServedConfig(directory);
  const hash = createHash('sha256');
  // A config names the base by digest.
  for (const file of [modelFiles.config, ...weightsFiles]) {
    await pipeline(createReadStream(join(directory, file)), hash, { end: false });
  }
  return hash.digest('hex').slice(0, 16);
}

/** The files that a model needs somewhere else. */
export interface ServedFiles {
  /** What their paths are relative to. */
  readonly root: string;
  /** The model's own folder there. */
  readonly model: string;
  readonly files: readonly string[];
}

/**
 * What is copied to serve a model, `all` of it, or what a request's text needs: config and tokenizer. A model over a base
 * takes it along, as the neighbour that its config names.
 *
 * @throws ModelError
 */
export async function servedFiles(directory: string, what: 'all' | 'text'): Promise<ServedFiles> {
  const { tokenizerDirectory, weightsFiles, needsBase } = await loadServedConfig(directory);
  const own = [modelFiles.config, ...(what === 'all' ? weightsFiles : [])];
  if (tokenizerDirectory === directory) return { root: directory, model: '', files: [...own, modelFiles.tokenizer] };
  const root = dirname(tokenizerDirectory);
  const model = relative(root, resolve(directory));
  if (model.startsWith('..')) {
    throw new ModelError(`${directory}: its base ${tokenizerDirectory} must lie beside it, to be taken along`);
  }
  const base = basename(tokenizerDirectory);
  const text = [modelFiles.tokenizer, baseFiles.tokenizerConfig];
  const shared = what === 'all' && needsBase ? await readdir(tokenizerDirectory) : text;
  return { root, model, files: [...own.map((file) => join(model, file)), ...shared.map((file) => join(base, file))] };
}
