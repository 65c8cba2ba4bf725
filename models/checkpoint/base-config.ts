import { z } from 'zod';
import { optPositionOffset } from '../network/opt.ts';

const size = z.int().positive();
const token = z.int().nonnegative().nullable().default(null);

/** Fields as in Hugging Face's LlamaConfig. */
const llamaSchema = z.object({
  model_type: z.literal('llama'),
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: size,
  intermediate_size: size,
  max_position_embeddings: size,
  rms_norm_eps: z.number().positive(),
  rope_theta: z.number().positive(),
  tie_word_embeddings: z.boolean(),
  bos_token_id: token,
  eos_token_id: token,
  hidden_act: z.literal('silu'),
});

/** Fields as in Hugging Face's OPTConfig, of the variants that normalise before each sublayer. */
const optSchema = z.object({
  model_type: z.literal('opt'),
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  ffn_dim: size,
  max_position_embeddings: size,
  do_layer_norm_before: z.literal(true),
  tie_word_embeddings: z.boolean(),
  bos_token_id: token,
  eos_token_id: token,
  activation_function: z.literal('relu'),
});

export type LlamaConfig = z.infer<typeof llamaSchema>;
export type OptConfig = z.infer<typeof optSchema>;
/** A pretrained next-token model's shape. */
export type BaseConfig = LlamaConfig | OptConfig;

/** The families that are read. */
export const families = ['llama', 'opt'] as const;
export type Family = (typeof families)[number];

export function isFamily(name: unknown): name is Family {
  return families.includes(name as Family);
}

/** @throws ZodError */
export function parseBaseConfig(value: unknown): BaseConfig {
  return z
    .discriminatedUnion('model_type', [llamaSchema, optSchema])
    .refine(({ hidden_size, num_attention_heads }) => hidden_size % num_attention_heads === 0, {
      path: ['hidden_size'],
      message: 'not a multiple of num_attention_heads',
    })
    .refine(
      (config) => config.model_type !== 'llama' || config.num_attention_heads % config.num_key_value_heads === 0,
      {
        path: ['num_attention_heads'],
        message: 'not a multiple of num_key_value_heads',
      },
    )
    .parse(value);
}

/** The tensors that a base has, named as in Hugging Face's checkpoints, each with its shape: [to, from] for matrices. */
export function baseTensorShapes(config: BaseConfig): Map<string, readonly number[]> {
  return new Map(config.model_type === 'llama' ? llamaShapes(config) : optShapes(config));
}

/** The tensors with a row a token. */
export function tokenTensors(config: BaseConfig): string[] {
  const table = config.model_type === 'llama' ? 'model.embed_tokens.weight' : 'model.decoder.embed_tokens.weight';
  return config.tie_word_embeddings ? [table] : [table, 'lm_head.weight'];
}

type NamedShape = [name: string, shape: readonly number[]];

function* llamaShapes(config: LlamaConfig): Generator<NamedShape> {
  const { hidden_size: width, intermediate_size: inner, num_attention_heads: heads } = config;
  const keyValueWidth = (width / heads) * config.num_key_value_heads;
  for (const name of tokenTensors(config)) yield [name, [config.vocab_size, width]];
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const at = `model.layers.${layer}.`;
    yield [`${at}input_layernorm.weight`, [width]];
    yield [`${at}self_attn.q_proj.weight`, [width, width]];
    yield [`${at}self_attn.k_proj.weight`, [keyValueWidth, width]];
    yield [`${at}self_attn.v_proj.weight`, [keyValueWidth, width]];
    yield [`${at}self_attn.o_proj.weight`, [width, width]];
    yield [`${at}post_attention_layernorm.weight`, [width]];
    yield [`${at}mlp.gate_proj.weight`, [inner, width]];
    yield [`${at}mlp.up_proj.weight`, [inner, width]];
    yield [`${at}mlp.down_proj.weight`, [width, inner]];
  }
  yield ['model.norm.weight', [width]];
}

function* optShapes(config: OptConfig): Generator<NamedShape> {
  const { hidden_size: width, ffn_dim: inner } = config;
  for (const name of tokenTensors(config)) yield [name, [config.vocab_size, width]];
  yield ['model.decoder.embed_positions.weight', [config.max_position_embeddings + optPositionOffset, width]];
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const at = `model.decoder.layers.${layer}.`;
    yield* affine(`${at}self_attn_layer_norm`, [width], width);
    for (const part of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) {
      yield* affine(`${at}self_attn.${part}`, [width, width], width);
    }
    yield* affine(`${at}final_layer_norm`, [width], width);
    yield* affine(`${at}fc1`, [inner, width], inner);
    yield* affine(`${at}fc2`, [width, inner], width);
  }
  yield* affine('model.decoder.final_layer_norm', [width], width);
}

function* affine(name: string, weight: readonly number[], bias: number): Generator<NamedShape> {
  yield [`${name}.weight`, weight];
  yield [`${name}.bias`, [bias]];
}
