import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { formatModelConfig, type ModelConfig, parseModelConfig } from '../ssd2/config.ts';
import type { Weights } from '../ssd2/graphs.ts';
import { parameterSpecs } from '../ssd2/parameters.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { writeAtomically } from './atomic-write.ts';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';

/** A model's files, in the Hugging Face layout. */
export const modelFiles = { config: 'config.json', tokenizer: 'tokenizer.json', weights: 'model.safetensors' };

export interface Model {
  readonly name: string;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly weights: Weights;
}

/** A model directory that is missing, damaged or inconsistent; the message says which file and how. */
export class ModelError extends Error {
  override name = 'ModelError';
}

/** @throws ModelError */
export async function loadModel(directory: string): Promise<Model> {
  const [config, tokenizer] = await Promise.all([loadConfig(directory), loadTokenizer(directory)]);
  if (tokenizer.size !== config.vocabulary) {
    const sizes = `${tokenizer.size} tokens, ${modelFiles.config} says ${config.vocabulary}`;
    throw new ModelError(`${join(directory, modelFiles.tokenizer)}: ${sizes}`);
  }
  return { name: basename(directory), config, tokenizer, weights: await loadWeights(directory, config) };
}

export async function loadConfig(directory: string): Promise<ModelConfig> {
  return parseFile(directory, modelFiles.config, (bytes) => parseModelConfig(JSON.parse(bytes.toString())));
}

export async function loadTokenizer(directory: string): Promise<Tokenizer> {
  return parseFile(directory, modelFiles.tokenizer, (bytes) => Tokenizer.parse(bytes.toString()));
}

async function loadWeights(directory: string, config: ModelConfig): Promise<Weights> {
  return parseFile(directory, modelFiles.weights, (bytes) => {
    const { tensors } = decodeSafetensors(bytes);
    for (const { name, shape } of parameterSpecs(config)) {
      const tensor = tensors.get(name);
      if (!tensor) throw new Error(`tensor ${name} is missing`);
      if (String(tensor.shape) !== String(shape)) {
        throw new Error(`tensor ${name} has shape [${tensor.shape}], ${modelFiles.config} needs [${shape}]`);
      }
    }
    return tensors;
  });
}

async function parseFile<T>(directory: string, file: string, parse: (bytes: Buffer) => T): Promise<T> {
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
  if (error instanceof z.ZodError) return `${error.issues[0].path.join('.')}: ${error.issues[0].message}`;
  return (error as Error).message;
}

/** Writes a model directory with weights in fp16. */
export async function saveModel(
  directory: string,
  config: ModelConfig,
  tokenizerJson: string,
  weights: Weights,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, modelFiles.config), `${JSON.stringify(formatModelConfig(config), null, 2)}\n`);
  await writeFile(join(directory, modelFiles.tokenizer), tokenizerJson);
  await writeAtomically(join(directory, modelFiles.weights), encodeSafetensors(weights, 'F16', { format: 'pt' }));
}
