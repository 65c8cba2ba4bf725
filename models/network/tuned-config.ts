import { z } from 'zod';
import type { TunedShape } from './tuned-base.ts';

const positive = z.int().positive();

/** What is kept of a base and corrected, as a config.json has it. */
export const tunedShapeSchema = z.strictObject({
  rank: positive.max(1024),
  first_layers: positive,
  last_layers: z.int().nonnegative(),
});
type TunedShapeJson = z.infer<typeof tunedShapeSchema>;

export function parseTunedShape({
  rank,
  first_layers: firstLayers,
  last_layers: lastLayers,
}: TunedShapeJson): TunedShape {
  return { rank, firstLayers, lastLayers };
}

/** The inverse of parseTunedShape. */
export function formatTunedShape({ rank, firstLayers, lastLayers }: TunedShape): TunedShapeJson {
  return { rank, first_layers: firstLayers, last_layers: lastLayers };
}

/** config.json of a tuned base's folder. */
const tunedSchema = z.strictObject({
  model_type: z.literal('tuned-base'),
  /** The base's folder; a relative path starts from the model's own, in a recipe from the working folder. */
  base: z.string().min(1),
  /** SHA-256 of the base's weights; a recipe may leave it out. */
  base_digest: z.string().optional(),
  vocab_size: positive,
  eos_token_id: z.int().nonnegative(),
  max_position_embeddings: positive,
  block_size: positive.max(1024),
  ...tunedShapeSchema.shape,
  last_layers: tunedShapeSchema.shape.last_layers.default(0),
});

/** A next-token model that is some of a frozen base's layers with a correction. */
export interface TunedConfig extends TunedShape {
  readonly kind: 'tuned';
  readonly base: string;
  readonly baseDigest?: string;
  readonly vocabulary: number;
  readonly endOfText: number;
  /** The longest sequence, prompt and generated text together, in tokens. */
  readonly positions: number;
  /** B, the number of tokens denoised together. */
  readonly block: number;
}

/** Whether a config.json is a tuned base's, right or wrong. */
export function isTunedJson(json: unknown): boolean {
  return typeof json === 'object' && json !== null && 'model_type' in json && json.model_type === 'tuned-base';
}

/** @throws z.ZodError naming the fields that are wrong */
export function parseTunedConfig(json: unknown): TunedConfig {
  const file = tunedSchema.parse(json);
  return {
    kind: 'tuned',
    base: file.base,
    ...(file.base_digest === undefined ? {} : { baseDigest: file.base_digest }),
    vocabulary: file.vocab_size,
    endOfText: file.eos_token_id,
    positions: file.max_position_embeddings,
    block: file.block_size,
    ...parseTunedShape(file),
  };
}

/** The inverse of parseTunedConfig. */
export function formatTunedConfig(config: TunedConfig): z.input<typeof tunedSchema> {
  return {
    model_type: 'tuned-base',
    base: config.base,
    ...(config.baseDigest === undefined ? {} : { base_digest: config.baseDigest }),
    vocab_size: config.vocabulary,
    eos_token_id: config.endOfText,
    max_position_embeddings: config.positions,
    block_size: config.block,
    ...formatTunedShape(config),
  };
}
