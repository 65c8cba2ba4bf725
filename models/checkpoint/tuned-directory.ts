import { basename } from 'node:path';
import type { FrozenBase } from '../network/frozen-base.ts';
import { keptLayers, type TunedShape, tunedSpecs } from '../network/tuned-base.ts';
import { formatTunedConfig, parseTunedConfig, type TunedConfig } from '../network/tuned-config.ts';
import type { ExecutionProvider } from '../runtime/providers.ts';
import type { Weights } from '../ssd2/graphs.ts';
import { loadBaseOf, type RunnableBase, saveOverBase } from './adapter-directory.ts';
import { loadWeights, ModelError, parseConfigFile, type StorageType } from './model-directory.ts';

/** Some of a base's layers with a correction. */
export interface TunedModel {
  readonly name: string;
  readonly config: TunedConfig;
  readonly base: RunnableBase;
  /** The base's kept layers with the correction on. */
  readonly network: FrozenBase & { readonly correction: Weights };
}

/** @throws ModelError saying which file is missing, damaged, or does not go with the base */
export async function loadTuned(directory: string, provider?: ExecutionProvider): Promise<TunedModel> {
  const config = await parseConfigFile(directory, parseTunedConfig);
  const base = await loadBaseOf(directory, config, provider);
  return { name: basename(directory), config, base, network: await loadCorrected(directory, base.network, config) };
}

/**
 * A base's layers with the correction that lies in a folder on.
 *
 * @throws ModelError
 */
export async function loadCorrected(
  directory: string,
  base: FrozenBase,
  shape: TunedShape,
): Promise<TunedModel['network']> {
  const layers = kept(directory, base, shape);
  return { ...layers, correction: await loadWeights(directory, tunedSpecs(layers, shape)) };
}

function kept(directory: string, base: FrozenBase, shape: TunedShape): FrozenBase {
  try {
    return keptLayers(base, shape);
  } catch (cause) {
    throw new ModelError(`${directory}: it keeps ${(cause as Error).message}`, { cause });
  }
}

/**
 * Writes a tuned base's folder.
 *
 * @param base its folder, which the config will name relative to the model's own
 */
export async function saveTuned(
  directory: string,
  config: TunedConfig,
  base: string,
  weights: Weights,
  type: StorageType,
): Promise<void> {
  await saveOverBase(directory, (path) => formatTunedConfig({ ...config, base: path }), base, weights, type);
}
