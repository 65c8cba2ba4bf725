import type { AdaptedModel } from '../../models/checkpoint/adapter-directory.ts';
import { adapterSpecs } from '../../models/network/adapter.ts';
import type { AdapterConfig } from '../../models/network/adapter-config.ts';
import { headShape, type LlamaShape } from '../../models/network/base-shape.ts';
import { frozenBase, type Products } from '../../models/network/frozen-base.ts';
import { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import { tinyTokenizer } from './tiny-fleet.ts';

/** Grouped queries, and a rotation of four pairs. */
export const tinyShape: LlamaShape = {
  family: 'llama',
  vocabulary: 300,
  width: 32,
  layers: 2,
  heads: 4,
  groups: 2,
  feedForward: 48,
  normEpsilon: 1e-5,
  rotaryBase: 10_000,
};

/** Without structure, in -1..1. */
export function sample(length: number, seed: number): Float32Array {
  return Float32Array.from(
    { length },
    (_, i) => 2 * (Math.abs(Math.sin((i + 1) * 12.9898 + seed * 78.233) * 43758.5453) % 1) - 1,
  );
}

/** A checkpoint's tensors by Hugging Face's names, matrices [to, from]. */
export function tinyTensors(shape: LlamaShape) {
  const { vocabulary, width, layers, feedForward } = shape;
  const { groups, headWidth } = headShape(shape);
  const tensors = new Map<string, Float32Array>();
  const matrix = (name: string, to: number, from: number) =>
    tensors.set(
      name,
      sample(to * from, tensors.size).map((value) => (value * 2) / Math.sqrt(from)),
    );
  const gain = (name: string) =>
    tensors.set(
      name,
      sample(width, tensors.size).map((value) => 1 + value / 4),
    );
  matrix('model.embed_tokens.weight', vocabulary, width);
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    gain(`${at}.input_layernorm.weight`);
    gain(`${at}.post_attention_layernorm.weight`);
    matrix(`${at}.self_attn.q_proj.weight`, width, width);
    matrix(`${at}.self_attn.k_proj.weight`, groups * headWidth, width);
    matrix(`${at}.self_attn.v_proj.weight`, groups * headWidth, width);
    matrix(`${at}.self_attn.o_proj.weight`, width, width);
    matrix(`${at}.mlp.gate_proj.weight`, feedForward, width);
    matrix(`${at}.mlp.up_proj.weight`, feedForward, width);
    matrix(`${at}.mlp.down_proj.weight`, width, feedForward);
  }
  gain('model.norm.weight');
  return tensors;
}

export const tinyAdapterConfig: AdapterConfig = {
  kind: 'adapter',
  base: '../base',
  vocabulary: tinyShape.vocabulary,
  endOfText: 0,
  positions: 200,
  block: 5,
  rank: 3,
  shift: true,
};

/** A base with an adapter of random numbers, neither trained. */
export async function tinyAdapted(changes: Partial<AdapterConfig> = {}, products?: Products): Promise<AdaptedModel> {
  const config = { ...tinyAdapterConfig, ...changes };
  const tensors = tinyTensors(tinyShape);
  const network = frozenBase(tinyShape, (name) => tensors.get(name) as Float32Array, true, products);
  const tokenizer = Tokenizer.parse(await tinyTokenizer());
  const adapter = new Map(
    adapterSpecs(tinyShape, config).map(({ name, shape }, i) => {
      const data = sample(
        shape.reduce((a, b) => a * b, 1),
        100 + i,
      );
      if (name !== 'prior') return [name, { shape, data: data.map((value) => value / 4) }];
      // A distribution's logarithm.
      const total = data.reduce((sum, value) => sum + Math.exp(value), 0);
      return [name, { shape, data: data.map((value) => value - Math.log(total)) }];
    }),
  );
  const base = {
    name: 'base',
    config: {
      model_type: 'llama' as const,
      vocab_size: tinyShape.vocabulary,
      hidden_size: tinyShape.width,
      num_hidden_layers: tinyShape.layers,
      num_attention_heads: tinyShape.heads,
      num_key_value_heads: tinyShape.groups,
      intermediate_size: tinyShape.feedForward,
      max_position_embeddings: 200,
      rms_norm_eps: tinyShape.normEpsilon,
      rope_theta: tinyShape.rotaryBase,
      tie_word_embeddings: true,
      bos_token_id: null,
      eos_token_id: 0,
      hidden_act: 'silu' as const,
    },
    tokenizer,
    tensors: new Map(),
    digest: 'tiny',
    network,
  };
  return { name: 'tiny', config, tokenizer, base, adapter };
}
