import { z } from 'zod';

const positive = z.int().positive();

/** What config.json says of every model, in the Hugging Face layout. */
const transformerSchema = z.strictObject({
  backbone: z.literal('opt'),
  vocab_size: positive.max(65_536),
  hidden_size: positive.max(2 ** 16),
  num_hidden_layers: positive.max(2 ** 10),
  num_attention_heads: positive.max(2 ** 10),
  ffn_dim: positive.max(2 ** 18),
  max_position_embeddings: positive.max(2 ** 20),
  eos_token_id: z.int().nonnegative(),
  attention_bias: z.enum(['none', 'linear']).default('none'),
});

const ssd2Schema = transformerSchema.extend({
  model_type: z.literal('ssd2'),
  block_size: positive.min(2),
  simplex: z.union([z.strictObject({ scale: z.number().positive() }), z.literal('posterior')]),
  self_conditioning: z.enum(['mean', 'separate']),
  context_mask: z.enum(['segment', 'causal', 'full']),
});

const fileSchema = z
  .discriminatedUnion('model_type', [ssd2Schema, transformerSchema.extend({ model_type: z.literal('autoregressive') })])
  .refine((config) => config.hidden_size % config.num_attention_heads === 0, {
    path: ['num_attention_heads'],
    message: 'must divide hidden_size',
  })
  .refine((config) => config.model_type !== 'ssd2' || config.max_position_embeddings % config.block_size === 0, {
    path: ['max_position_embeddings'],
    message: 'must be a multiple of block_size',
  });

/**
 * How a noised position meets the network.
 *
 * - A fixed scale K, as published: the input is softmax(x_t), the output the network's.
 * - `posterior`: K depends on t so that x_t is the log-likelihood of each token (see simplexScaleAt). The input is
 *   softmax(x_t + log prior), the token's posterior before anything else is known; the output is the network's logits
 *   + x_t, so that the network itself only has to learn what the rest of the text says. The prior is the tokens'
 *   frequency in the training text, kept with the weights.
 */
export type Simplex = { readonly scale: number } | 'posterior';

/** A transformer's shape. */
export interface TransformerConfig {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
  /** The longest sequence, prompt and generated text together, in tokens. */
  readonly positions: number;
  readonly endOfText: number;
  /**
   * `linear` adds to each head's attention scores a penalty that grows with the distance from a place of its own: the
   * token before, the one after, or the token itself (see attentionBias in layout.ts). A transformer that starts from
   * nothing finds its neighbours much sooner so; OPT's own has none.
   */
  readonly attentionBias: 'none' | 'linear';
}

/** An SSD-2 network's shape and the constants of its diffusion; `positions` is a multiple of `block`. */
export interface DiffusionConfig extends TransformerConfig {
  readonly kind: 'ssd2';
  /** B, the number of tokens denoised together. */
  readonly block: number;
  readonly simplex: Simplex;
  /** How the previous logits enter: averaged with the noised simplex under one layer, or through a layer of their own. */
  readonly selfConditioning: 'mean' | 'separate';
  /**
   * Whether a clean token attends to its whole segment, only to what stands before it, or to everything, the noised
   * block included: SSD-LM's layout, whose context cannot be encoded once and kept.
   */
  readonly contextMask: 'segment' | 'causal' | 'full';
}

/** The autoregressive baseline: the same transformer under the causal mask, without a simplex. */
export interface AutoregressiveConfig extends TransformerConfig {
  readonly kind: 'autoregressive';
}

export type NetworkConfig = DiffusionConfig | AutoregressiveConfig;

/** @throws z.ZodError naming the fields that are wrong */
export function parseNetworkConfig(json: unknown): NetworkConfig {
  const file = fileSchema.parse(json);
  const transformer = {
    vocabulary: file.vocab_size,
    width: file.hidden_size,
    layers: file.num_hidden_layers,
    heads: file.num_attention_heads,
    feedForward: file.ffn_dim,
    positions: file.max_position_embeddings,
    endOfText: file.eos_token_id,
    attentionBias: file.attention_bias,
  };
  if (file.model_type === 'autoregressive') return { kind: 'autoregressive', ...transformer };
  return {
    kind: 'ssd2',
    ...transformer,
    block: file.block_size,
    simplex: file.simplex,
    selfConditioning: file.self_conditioning,
    contextMask: file.context_mask,
  };
}

/** The inverse of parseNetworkConfig. */
export function formatNetworkConfig(config: NetworkConfig): z.input<typeof fileSchema> {
  const transformer = {
    backbone: 'opt' as const,
    vocab_size: config.vocabulary,
    hidden_size: config.width,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    ffn_dim: config.feedForward,
    max_position_embeddings: config.positions,
    eos_token_id: config.endOfText,
    attention_bias: config.attentionBias,
  };
  if (config.kind === 'autoregressive') return { model_type: 'autoregressive', ...transformer };
  return {
    model_type: 'ssd2',
    ...transformer,
    block_size: config.block,
    simplex: config.simplex,
    self_conditioning: config.selfConditioning,
    context_mask: config.contextMask,
  };
}
