import * as z from 'zod';
import type { TunedShape } from '../network/tuned-base.ts';
import { formatTunedShape, parseTunedShape, tunedShapeSchema } from '../network/tuned-config.ts';

const positive = z.int().positive();

/** config.json of an n-gram model's folder. */
const ngramFields = z.strictObject({
  model_type: z.literal('ngram'),
  /** The folder whose tokenizer it counts by; a relative path starts from the model's own. */
  base: z.string().min(1),
  /** Of the base that reads beside the n-grams; only its tokenizer is used when absent. */
  base_digest: z.string().optional(),
  vocab_size: positive,
  eos_token_id: z.int().nonnegative(),
  block_size: positive.max(1024),
  max_position_embeddings: positive,
  order: positive.max(8),
  /** Of that base, where its layers are corrected by what lies in the folder beside the n-grams. */
  correction: tunedShapeSchema.optional(),
});

const ngramSchema = ngramFields.refine(({ correction, base_digest: digest }) => !correction || digest !== undefined, {
  path: ['correction'],
  message: 'corrects a base, which base_digest must name',
});

export const ngramFile = 'model.ngram';

/** A tenant's model that is counted and not trained. */
export interface NgramConfig {
  readonly kind: 'ngram';
  readonly base: string;
  readonly baseDigest?: string;
  readonly vocabulary: number;
  readonly endOfText: number;
  readonly block: number;
  readonly positions: number;
  readonly order: number;
  readonly correction?: TunedShape;
}

export function isNgramJson(json: unknown): boolean {
  return typeof json === 'object' && json !== null && 'model_type' in json && json.model_type === 'ngram';
}

/** @throws z.ZodError */
export function parseNgramConfig(json: unknown): NgramConfig {
  const file = ngramSchema.parse(json);
  const { correction } = file;
  return {
    kind: 'ngram',
    base: file.base,
    ...(file.base_digest === undefined ? {} : { baseDigest: file.base_digest }),
    vocabulary: file.vocab_size,
    endOfText: file.eos_token_id,
    block: file.block_size,
    positions: file.max_position_embeddings,
    order: file.order,
    ...(correction ? { correction: parseTunedShape(correction) } : {}),
  };
}

/** The inverse of parseNgramConfig. */
export function formatNgramConfig(config: Omit<NgramConfig, 'kind'>): z.input<typeof ngramSchema> {
  const { correction } = config;
  return {
    model_type: 'ngram',
    base: config.base,
    ...(config.baseDigest === undefined ? {} : { base_digest: config.baseDigest }),
    vocab_size: config.vocabulary,
    eos_token_id: config.endOfText,
    block_size: config.block,
    max_position_embeddings: config.positions,
    order: config.order,
    ...(correction ? { correction: formatTunedShape(correction) } : {}),
  };
}
