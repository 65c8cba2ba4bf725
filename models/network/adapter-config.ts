import { z } from 'zod';
import type { AdapterShape } from './adapter.ts';

const positive = z.int().positive();

/** config.json of an adapter's folder. */
const adapterSchema = z.strictObject({
  model_type: z.literal('ssd2-adapter'),
  /** The base's folder; a relative path starts from the adapter's own, in a recipe from the working folder. */
  base: z.string().min(1),
  /** SHA-256 of the base's weights; a recipe may leave it out. */
  base_digest: z.string().optional(),
  vocab_size: positive,
  eos_token_id: z.int().nonnegative(),
  max_position_embeddings: positive,
  /** Of the low-rank correction, or `full`: all of the base's matrices. */
  rank: z.union([positive.max(1024), z.literal('full')]),
  block_size: positive.max(1024),
  shift: z.boolean(),
  simplex: z.literal('posterior'),
  self_conditioning: z.literal('mean'),
  /** Where the information lies, see InformationTable; found from the training text's frequencies. */
  information: z.strictObject({ timesteps: z.array(z.number()).min(2), open: z.array(z.number()).min(2) }).optional(),
});

/** An SSD-2 model that is a frozen base with an adapter. */
export interface AdapterConfig extends AdapterShape {
  readonly kind: 'adapter';
  readonly base: string;
  readonly baseDigest?: string;
  readonly vocabulary: number;
  readonly endOfText: number;
  /** The longest sequence, prompt and generated text together, in tokens. */
  readonly positions: number;
  readonly information?: { readonly timesteps: readonly number[]; readonly open: readonly number[] };
}

/** Whether a config.json is an adapter's, right or wrong. */
export function isAdapterJson(json: unknown): boolean {
  return typeof json === 'object' && json !== null && 'model_type' in json && json.model_type === 'ssd2-adapter';
}

/** @throws z.ZodError naming the fields that are wrong */
export function parseAdapterConfig(json: unknown): AdapterConfig {
  const file = adapterSchema.parse(json);
  return {
    kind: 'adapter',
    base: file.base,
    ...(file.base_digest === undefined ? {} : { baseDigest: file.base_digest }),
    vocabulary: file.vocab_size,
    endOfText: file.eos_token_id,
    positions: file.max_position_embeddings,
    rank: file.rank,
    block: file.block_size,
    shift: file.shift,
    ...(file.information ? { information: file.information } : {}),
  };
}

/** The inverse of parseAdapterConfig. */
export function formatAdapterConfig(config: AdapterConfig): z.input<typeof adapterSchema> {
  const { information } = config;
  return {
    model_type: 'ssd2-adapter',
    base: config.base,
    ...(config.baseDigest === undefined ? {} : { base_digest: config.baseDigest }),
    vocab_size: config.vocabulary,
    eos_token_id: config.endOfText,
    max_position_embeddings: config.positions,
    rank: config.rank,
    block_size: config.block,
    shift: config.shift,
    simplex: 'posterior',
    self_conditioning: 'mean',
    ...(information ? { information: { timesteps: [...information.timesteps], open: [...information.open] } } : {}),
  };
}
