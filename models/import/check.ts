import { ZodError } from 'zod';
import { type BaseConfig, baseTensorShapes, parseBaseConfig } from '../checkpoint/base-config.ts';
import { firstIssue } from '../zod-issue.ts';
import { ImportError, type SourceTensor } from './source.ts';

/** @throws ImportError when a field is missing or not what is read */
export function checkedConfig(path: string, value: unknown): BaseConfig {
  try {
    return parseBaseConfig(value);
  } catch (error) {
    if (!(error instanceof ZodError)) throw error;
    throw new ImportError(`${path}: ${firstIssue(error, 'the configuration')}; take a model that has it so`);
  }
}

/** What checkpoints hold that the network computes for itself. */
const derived = /\.rotary_emb\.inv_freq$/;

/**
 * The tensors that a configuration asks for, in its order.
 *
 * @param naming how the source names a tensor, with its file
 * @throws ImportError for one that is missing, of another shape, or unknown
 */
export function checkedTensors(
  tensors: ReadonlyMap<string, SourceTensor>,
  config: BaseConfig,
  naming: (name: string) => string,
): Map<string, SourceTensor> {
  const wanted = baseTensorShapes(config);
  const checked = new Map<string, SourceTensor>();
  for (const [name, shape] of wanted) {
    const tensor = tensors.get(name);
    if (!tensor) {
      throw new ImportError(`${naming(name)} is missing, [${shape}] was expected: take a whole copy of the model`);
    }
    if (String(tensor.shape) !== String(shape)) {
      throw new ImportError(
        `${naming(name)} has shape [${tensor.shape}], the configuration needs [${shape}]: take files that belong together`,
      );
    }
    checked.set(name, tensor);
  }
  for (const name of tensors.keys()) {
    const isTiedHead = name === 'lm_head.weight' && config.tie_word_embeddings;
    if (!wanted.has(name) && !derived.test(name) && !isTiedHead) {
      throw new ImportError(`${naming(name)} is not of the ${config.model_type} networks that are read`);
    }
  }
  return checked;
}
