import { basename, join, relative, resolve } from 'node:path';
import { writeAtomically } from '../files/atomic-write.ts';
import { makeFolder } from '../files/make-folder.ts';
import { adapterSpecs } from '../network/adapter.ts';
import { type AdapterConfig, formatAdapterConfig, parseAdapterConfig } from '../network/adapter-config.ts';
import type { LlamaShape } from '../network/llama.ts';
import { type LlamaBase, llamaBase, type Products, productsOn } from '../network/llama-base.ts';
import type { ExecutionProvider } from '../runtime/providers.ts';
import type { Weights } from '../ssd2/graphs.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { type Base, loadBase } from './base.ts';
import type { LlamaConfig } from './base-config.ts';
import { loadWeights, ModelError, modelFiles, parseConfigFile, type StorageType, stored } from './model-directory.ts';
import { encodeSafetensors } from './safetensors.ts';

/** A base, ready to compute with. */
export interface RunnableBase extends Omit<Base, 'config'> {
  readonly config: LlamaConfig;
  readonly network: LlamaBase;
}

/** An SSD-2 model that is an adapter over a base. */
export interface AdaptedModel {
  readonly name: string;
  readonly config: AdapterConfig;
  readonly tokenizer: Tokenizer;
  readonly base: RunnableBase;
  /** The adapter's tensors, see adapterSpecs. */
  readonly adapter: Weights;
}

const bases = new Map<string, Promise<RunnableBase>>();

/**
 * A base of the llama family; of one folder and form it is read once in a process.
 *
 * @param provider what will multiply its matrices; cpu when absent
 * @throws ModelError
 */
export function loadRunnableBase(directory: string, provider?: ExecutionProvider): Promise<RunnableBase> {
  const path = resolve(directory);
  const products = productsOn(provider);
  const key = `${products} ${path}`;
  const known = bases.get(key);
  if (known) return known;
  const loading = readBase(path, products);
  bases.set(key, loading);
  loading.catch(() => bases.delete(key));
  return loading;
}

async function readBase(directory: string, products: Products): Promise<RunnableBase> {
  const base = await loadBase(directory).catch((cause: Error) => {
    throw new ModelError(cause.message, { cause });
  });
  const { config, tensors } = base;
  if (config.model_type !== 'llama') {
    throw new ModelError(`${directory}: a base of family ${config.model_type} cannot be run yet, only llama`);
  }
  const tensor = (name: string) => {
    const found = tensors.get(name);
    if (!found) throw new ModelError(`${directory}: tensor ${name} is missing`);
    return found.toFloat32();
  };
  return { ...base, config, network: llamaBase(llamaShape(config), tensor, config.tie_word_embeddings, products) };
}

function llamaShape(config: LlamaConfig): LlamaShape {
  return {
    vocabulary: config.vocab_size,
    width: config.hidden_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    groups: config.num_key_value_heads,
    feedForward: config.intermediate_size,
    normEpsilon: config.rms_norm_eps,
    rotaryBase: config.rope_theta,
  };
}

/** @throws ModelError saying which file is missing, damaged, or does not go with the base */
export async function loadAdapter(directory: string, provider?: ExecutionProvider): Promise<AdaptedModel> {
  const config = await parseConfigFile(directory, parseAdapterConfig);
  const base = await loadRunnableBase(resolve(directory, config.base), provider);
  const fail = (what: string): never => {
    throw new ModelError(`${directory}: ${what}`);
  };
  if (config.baseDigest !== undefined && config.baseDigest !== base.digest) {
    fail(`it was trained on another base than ${config.base}: its digest is ${base.digest}, not ${config.baseDigest}`);
  }
  if (config.vocabulary !== base.config.vocab_size) {
    fail(`it has a vocabulary of ${config.vocabulary}, its base of ${base.config.vocab_size}`);
  }
  const adapter = await loadWeights(directory, adapterSpecs(base.network.shape, config));
  return { name: basename(directory), config, tokenizer: base.tokenizer, base, adapter };
}

/**
 * Writes an adapter's folder.
 *
 * @param base its folder, which the config will name relative to the adapter's own
 */
export async function saveAdapter(
  directory: string,
  config: AdapterConfig,
  base: string,
  weights: Weights,
  type: StorageType,
): Promise<void> {
  await makeFolder(directory);
  const json = formatAdapterConfig({ ...config, base: relative(resolve(directory), resolve(base)) });
  await writeAtomically(join(directory, modelFiles.config), `${JSON.stringify(json, null, 2)}\n`);
  await writeAtomically(
    join(directory, modelFiles.weights),
    encodeSafetensors(stored(weights, type), { format: 'pt' }),
  );
}
