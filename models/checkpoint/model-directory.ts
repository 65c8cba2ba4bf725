import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from '../files/atomic-write.ts';
import { makeFolder } from '../files/make-folder.ts';
import { decodeText } from '../files/read-text.ts';
import {
  type AutoregressiveConfig,
  type DiffusionConfig,
  formatNetworkConfig,
  type NetworkConfig,
  parseNetworkConfig,
} from '../ssd2/config.ts';
import type { Weights } from '../ssd2/graphs.ts';
import { type ParameterSpec, parameterSpecs } from '../ssd2/parameters.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { firstIssue } from '../zod-issue.ts';
import { dequantiseAll, quantiseAll } from './quantisation.ts';
import { BFloat16Array, decodeSafetensors, encodeSafetensors, type StoredTensor } from './safetensors.ts';

/** A model's files, in the Hugging Face layout. */
export const modelFiles = { config: 'config.json', tokenizer: 'tokenizer.json', weights: 'model.safetensors' };

export interface Model<Config extends NetworkConfig = DiffusionConfig> {
  readonly name: string;
  readonly config: Config;
  readonly tokenizer: Tokenizer;
  readonly weights: Weights;
}

/** A model directory that is missing, damaged or inconsistent; the message says which file and how. */
export class ModelError extends Error {
  override name = 'ModelError';
}

/** @throws ModelError, also when the model is no SSD-2 model */
export async function loadDiffusionModel(directory: string): Promise<Model> {
  const model = await loadModel(directory);
  if (isDiffusion(model)) return model;
  throw new ModelError(`${directory} is a model of type ${model.config.kind}, not ssd2`);
}

export function isDiffusion(model: Model<NetworkConfig>): model is Model {
  return model.config.kind === 'ssd2';
}

export function isAutoregressive(model: Model<NetworkConfig>): model is Model<AutoregressiveConfig> {
  return model.config.kind === 'autoregressive';
}

/** @throws ModelError */
export async function loadModel(directory: string): Promise<Model<NetworkConfig>> {
  // One after the other, so that of two files that are not there the same is named each time.
  const config = await loadConfig(directory);
  const tokenizer = await loadTokenizer(directory);
  if (tokenizer.size !== config.vocabulary) {
    const sizes = `${tokenizer.size} tokens, ${modelFiles.config} says ${config.vocabulary}`;
    throw new ModelError(`${join(directory, modelFiles.tokenizer)}: ${sizes}`);
  }
  return {
    name: basename(directory),
    config,
    tokenizer,
    weights: await loadWeights(directory, parameterSpecs(config)),
  };
}

async function loadConfig(directory: string): Promise<NetworkConfig> {
  return parseConfigFile(directory, parseNetworkConfig);
}

export async function loadTokenizer(directory: string): Promise<Tokenizer> {
  return parseModelFile(directory, modelFiles.tokenizer, (bytes) => Tokenizer.parse(decodeText(bytes, 'it')));
}

/**
 * A model's tensors, as many and as large as `specs` says.
 *
 * @throws ModelError
 */
export async function loadWeights(directory: string, specs: readonly ParameterSpec[]): Promise<Weights> {
  return parseModelFile(directory, modelFiles.weights, (bytes) => {
    const tensors = dequantiseAll(decodeSafetensors(bytes).tensors);
    for (const { name, shape } of specs) {
      const tensor = tensors.get(name);
      if (!tensor) throw new Error(`tensor ${name} is missing`);
      if (String(tensor.shape) !== String(shape)) {
        throw new Error(`tensor ${name} has shape [${tensor.shape}], ${modelFiles.config} needs [${shape}]`);
      }
    }
    return tensors;
  });
}

/**
 * What a model's config.json says.
 *
 * @throws ModelError
 */
export function parseConfigFile<T>(directory: string, parse: (json: unknown) => T): Promise<T> {
  return parseModelFile(directory, modelFiles.config, (bytes) => parse(JSON.parse(decodeText(bytes, 'it'))));
}

/** @throws ModelError saying that the file is not there, or what of it `parse` refuses */
async function parseModelFile<T>(directory: string, file: string, parse: (bytes: Buffer) => T): Promise<T> {
  const path = join(directory, file);
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new ModelError(`no model in ${directory}: ${file} cannot be read (${(cause as Error).message})`, { cause });
  }
  try {
    return parse(bytes);
  } catch (cause) {
    throw new ModelError(`${path} is damaged: ${describe(cause)}`, { cause });
  }
}

function describe(error: unknown): string {
  if (error instanceof z.ZodError) return firstIssue(error, 'the file');
  return (error as Error).message;
}

/** How weights are stored: numbers of a type, or int8 with a scale a channel. */
export const storageTypes = ['fp32', 'fp16', 'bf16', 'int8'] as const;
export type StorageType = (typeof storageTypes)[number];

/** Weights as a storage type has them. */
export function stored(weights: Weights, type: StorageType): ReadonlyMap<string, StoredTensor> {
  if (type === 'int8') return quantiseAll(weights);
  const narrow = (data: Float32Array) => {
    if (type === 'fp32') return data;
    return type === 'fp16' ? new Float16Array(data) : BFloat16Array.from(data);
  };
  return new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: narrow(data) }]));
}

/** Writes a model directory. */
export async function saveModel(
  directory: string,
  config: NetworkConfig,
  tokenizerJson: string,
  weights: Weights,
  type: StorageType = 'fp16',
): Promise<void> {
  await makeFolder(directory);
  const json = `${JSON.stringify(formatNetworkConfig(config), null, 2)}\n`;
  await writeAtomically(join(directory, modelFiles.config), json);
  await writeAtomically(join(directory, modelFiles.tokenizer), tokenizerJson);
  await writeAtomically(
    join(directory, modelFiles.weights),
    encodeSafetensors(stored(weights, type), { format: 'pt' }),
  );
}
