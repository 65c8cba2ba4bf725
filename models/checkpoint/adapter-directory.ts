import { basename, join, relative, resolve } from 'node:path';
import { writeAtomically } from '../files/atomic-write.ts';
import { makeFolder } from '../files/make-folder.ts';
import { adapterSpecs } from '../network/adapter.ts';
import { type AdapterConfig, formatAdapterConfig, parseAdapterConfig } from '../network/adapter-config.ts';
import type { BaseShape } from '../network/base-shape.ts';
import { type FrozenBase, frozenBase, type Products, productsOn } from '../network/frozen-base.ts';
import type { ExecutionProvider } from '../runtime/providers.ts';
import type { Weights } from '../ssd2/graphs.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { type Base, loadBase } from './base.ts';
import type { BaseConfig } from './base-config.ts';
import { loadWeights, ModelError, modelFiles, parseConfigFile, type StorageType, stored } from './model-directory.ts';
import { encodeSafetensors } from './safetensors.ts';

/** A base, ready to compute with. */
export interface RunnableBase extends Base {
  readonly network: FrozenBase;
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
 * A base; of one folder and form it is read once in a process.
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
  const tensor = (name: string) => {
    const found = tensors.get(name);
    if (!found) throw new ModelError(`${directory}: tensor ${name} is missing`);
    return found.toFloat32();
  };
  return { ...base, network: frozenBase(shapeOf(config), tensor, config.tie_word_embeddings, products) };
}

function shapeOf(config: BaseConfig): BaseShape {
  const common = {
    ...{ vocabulary: config.vocab_size, width: config.hidden_size, layers: config.num_hidden_layers },
    heads: config.num_attention_heads,
  };
  if (config.model_type === 'opt') {
    const { ffn_dim: feedForward, max_position_embeddings: positions } = config;
    return { family: 'opt', ...common, groups: common.heads, feedForward, positions };
  }
  const { num_key_value_heads: groups, intermediate_size: feedForward } = config;
  return {
    ...{ family: 'llama', ...common, groups, feedForward },
    ...{ normEpsilon: config.rms_norm_eps, rotaryBase: config.rope_theta },
  };
}

/** @throws ModelError saying which file is missing, damaged, or does not go with the base */
export async function loadAdapter(directory: string, provider?: ExecutionProvider): Promise<AdaptedModel> {
  const config = await parseConfigFile(directory, parseAdapterConfig);
  const base = await loadBaseOf(directory, config, provider);
  const adapter = await loadWeights(directory, adapterSpecs(base.network.shape, config));
  return { name: basename(directory), config, tokenizer: base.tokenizer, base, adapter };
}

/**
 * The base that a model over one names.
 *
 * @throws ModelError where it is missing or damaged, or another than the model was trained on
 */
export async function loadBaseOf(
  directory: string,
  config: Pick<AdapterConfig, 'base' | 'baseDigest' | 'vocabulary' | 'positions'>,
  provider?: ExecutionProvider,
): Promise<RunnableBase> {
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
  const { shape } = base.network;
  if (shape.family === 'opt' && config.positions > shape.positions) {
    fail(`it takes ${config.positions} positions, its base has ${shape.positions}`);
  }
  return base;
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
  await saveOverBase(directory, (path) => formatAdapterConfig({ ...config, base: path }), base, weights, type);
}

/**
 * Writes the folder of a model over a base.
 *
 * @param format config.json, given the base's folder relative to the model's own
 */
export async function saveOverBase(
  directory: string,
  format: (base: string) => unknown,
  base: string,
  weights: Weights,
  type: StorageType,
): Promise<void> {
  await makeFolder(directory);
  const json = format(relative(resolve(directory), resolve(base)));
  await writeAtomically(join(directory, modelFiles.config), `${JSON.stringify(json, null, 2)}\n`);
  await writeAtomically(
    join(directory, modelFiles.weights),
    encodeSafetensors(stored(weights, type), { format: 'pt' }),
  );
}
