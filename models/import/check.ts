import { ZodError, z } from 'zod';
import { type BaseConfig, baseTensorShapes, parseBaseConfig } from '../checkpoint/base-config.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { firstIssue } from '../zod-issue.ts';
import { ImportError } from './import-error.ts';
import type { SourceTensor, TokenizerJson } from './source.ts';

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
      throw new ImportError(
        `${naming(name)} is none of a ${config.model_type} network's tensors as they are read: take a plain one`,
      );
    }
  }
  return checked;
}

const mergeSchema = z.union([
  z.tuple([z.string(), z.string()]),
  // Older files have a merge as one text; the byte alphabet has no space.
  z
    .string()
    .transform((merge) => merge.split(' '))
    .pipe(z.tuple([z.string(), z.string()])),
]);

const tokenizerSchema = z.looseObject({
  added_tokens: z
    .array(z.looseObject({ id: z.int().nonnegative(), content: z.string(), special: z.boolean() }))
    .default([]),
  normalizer: z.null({ error: 'texts would not come back as they were' }).default(null),
  model: z.looseObject({
    type: z.literal('BPE', { error: 'byte-level BPE is read' }),
    vocab: z.record(z.string(), z.int().nonnegative()),
    merges: z.array(mergeSchema),
  }),
});

/**
 * A tokenizer.json that is a byte-level BPE of at most `rows` pieces, numbered without gaps, in which no text
 * becomes a special token.
 *
 * @throws ImportError
 */
export async function checkedTokenizer(path: string, value: unknown, rows: number): Promise<TokenizerJson> {
  const fail = (what: string): never => {
    throw new ImportError(`${path}: ${what}; take a model with another tokenizer`);
  };
  const parsed = tokenizerSchema.safeParse(value);
  if (!parsed.success) return fail(`not a tokenizer that is read: ${firstIssue(parsed.error, 'the file')}`);
  const tokenizer = parsed.data as TokenizerJson;
  const { added_tokens, model } = tokenizer;
  if (!JSON.stringify(tokenizer.pre_tokenizer ?? null).includes('"ByteLevel"')) fail('the BPE is not byte-level');
  const ids = new Set([...Object.values(model.vocab), ...added_tokens.map(({ id }) => id)]);
  const gap = Array.from({ length: ids.size }, (_, id) => id).find((id) => !ids.has(id));
  if (gap !== undefined) fail(`${ids.size} pieces, but none has id ${gap}`);
  if (ids.size > rows) fail(`${ids.size} pieces, but the model has ${rows} rows for them`);
  const merge = model.merges.find((merge) => ![...merge, merge.join('')].every((p) => Object.hasOwn(model.vocab, p)));
  if (merge) fail(`the merge of ${merge[0]} and ${merge[1]} is of or makes what is no piece`);
  await checkSpecialTokens(tokenizer, fail);
  return tokenizer;
}

async function checkSpecialTokens(tokenizer: TokenizerJson, fail: (what: string) => never): Promise<void> {
  let encoder: Tokenizer;
  try {
    encoder = Tokenizer.parse(JSON.stringify(tokenizer));
  } catch (error) {
    return fail((error as Error).message);
  }
  const spellings = [...encoder.special.keys()];
  for (const [i, ids] of (await encoder.encodeBatch(spellings)).entries()) {
    if (ids.includes(encoder.special.get(spellings[i]) as number)) fail(`a text can spell ${spellings[i]}`);
  }
}
