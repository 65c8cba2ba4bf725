import { add, gather, layerNorm, relu, reshape, slice } from '../graph/index.ts';
import type { OptShape } from './base-shape.ts';
import type { Family } from './family.ts';

/** A table of positions starts at its third row: the first two stood for padding. */
export const optPositionOffset = 2;

const queriesKeysValues = ['q', 'k', 'v'].map((name) => `self_attn.${name}_proj`);

export function opt({ width, feedForward }: OptShape): Family {
  return {
    embedding: 'model.decoder.embed_tokens.weight',
    layers: 'model.decoder.layers.',
    matrices: [
      { name: 'qkv', parts: queriesKeysValues, from: width, to: 3 * width },
      { name: 'out', parts: ['self_attn.out_proj'], from: width, to: width },
      { name: 'up', parts: ['fc1'], from: width, to: feedForward },
      { name: 'down', parts: ['fc2'], from: feedForward, to: width },
    ],
    layerVectors: {
      ...norm('attentionNorm', 'self_attn_layer_norm'),
      ...norm('feedNorm', 'final_layer_norm'),
      'qkv.bias': queriesKeysValues.map((name) => `${name}.bias`),
      'out.bias': ['self_attn.out_proj.bias'],
      'up.bias': ['fc1.bias'],
      'down.bias': ['fc2.bias'],
    },
    vectors: {
      ...norm('norm', 'model.decoder.final_layer_norm'),
      positionTable: ['model.decoder.embed_positions.weight'],
    },
    rows: ({ positions, vectors }) => {
      const table = () => slice(reshape(vectors('positionTable'), [-1, width]), 0, optPositionOffset);
      return {
        enter: (embedded) => add(embedded, gather(table(), positions)),
        norm: (x, name) => layerNorm(x, vectors(`${name}.weight`), vectors(`${name}.bias`)),
        place: (x) => x,
        project: (project) => (name, x) => add(project(name, x), vectors(`${name}.bias`)),
        feedForward: (project, layer, normal) => project(`${layer}.down`, relu(project(`${layer}.up`, normal))),
      };
    },
  };
}

function norm(name: string, tensor: string) {
  return { [`${name}.weight`]: [`${tensor}.weight`], [`${name}.bias`]: [`${tensor}.bias`] };
}
