import { reshape, rmsNorm, rotary, sizeOf, swiglu } from '../graph/index.ts';
import { headShape, type LlamaShape } from './base-shape.ts';
import type { Family } from './family.ts';
import { rotaryTables } from './rotary-tables.ts';

export function llama(shape: LlamaShape): Family {
  const { width, feedForward } = shape;
  const { groups, headWidth } = headShape(shape);
  const attention = (name: string) => `self_attn.${name}_proj`;
  return {
    embedding: 'model.embed_tokens.weight',
    layers: 'model.layers.',
    matrices: [
      { name: 'qkv', parts: ['q', 'k', 'v'].map(attention), from: width, to: width + 2 * groups * headWidth },
      { name: 'out', parts: [attention('o')], from: width, to: width },
      { name: 'gateUp', parts: ['mlp.gate_proj', 'mlp.up_proj'], from: width, to: 2 * feedForward },
      { name: 'down', parts: ['mlp.down_proj'], from: feedForward, to: width },
    ],
    layerVectors: { attentionNorm: ['input_layernorm.weight'], feedNorm: ['post_attention_layernorm.weight'] },
    vectors: { norm: ['model.norm.weight'] },
    rows: ({ shape: { lanes, blocks, rows }, positions, mostPositions, vectors }) => {
      const tables = rotaryTables(shape, mostPositions);
      const byLane = [lanes, sizeOf([blocks, rows])];
      const places = reshape(positions, byLane);
      return {
        enter: (embedded) => embedded,
        norm: (x, name) => rmsNorm(x, vectors(name), shape.normEpsilon),
        place: (x) => rotary(reshape(x, [...byLane, x.shape[1]]), places, tables, headWidth),
        project: (project) => project,
        feedForward: (project, layer, normal) => project(`${layer}.down`, swiglu(project(`${layer}.gateUp`, normal))),
      };
    },
  };
}
