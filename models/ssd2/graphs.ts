import { Graph, logSoftmax, type Value } from '../graph/index.ts';
import type { DiffusionConfig } from './config.ts';
import { biasedHeads, biasedRows } from './layout.ts';
import { type ContextLayer, denoise, encodeContext, type Parameters } from './network.ts';
import type { ParameterSpec } from './parameters.ts';

/** Trained tensors by name. */
export type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

/** The weights as constants of a graph. */
export function constantParameters(graph: Graph, weights: Weights): Parameters {
  const values = new Map<string, Value>();
  return (name) => {
    const known = values.get(name);
    if (known) return known;
    const weight = weights.get(name);
    if (!weight) throw new Error(`the weights have no tensor ${name}`);
    const value = graph.constant(weight.data, weight.shape, name);
    values.set(name, value);
    return value;
  };
}

/** The trained tensors as inputs of a graph. */
export function inputParameters(graph: Graph, specs: readonly ParameterSpec[]): Parameters {
  const values = new Map(specs.map(({ name, shape }) => [name, graph.input(name, shape)]));
  return (name) => {
    const value = values.get(name);
    if (!value) throw new Error(`the model has no parameter ${name}`);
    return value;
  };
}

/**
 * Clean tokens to what denoising needs of them. One sequence of any length:
 * tokens, positions int64 [context]; bias [1, biasedHeads, context, context] -> keys0, values0, keys1, ...
 */
export function contextEncoderGraph(config: DiffusionConfig, weights: Weights): Graph {
  const graph = new Graph('context-encoder');
  const { layers } = encodeContext(config, constantParameters(graph, weights), {
    sequences: 1,
    length: 'context',
    tokens: graph.input('tokens', ['context'], 'int64'),
    positions: graph.input('positions', ['context'], 'int64'),
    bias: graph.input('bias', [1, biasedHeads(config), 'context', 'context']),
  });
  layers.forEach(({ keys, values }, layer) => {
    graph.output(`keys${layer}`, keys);
    graph.output(`values${layer}`, values);
  });
  return graph;
}

/**
 * One denoise step of any number of lanes over a cached context. rows = lanes * block:
 *
 * - x [rows, vocabulary], the noised simplex; previous [rows, vocabulary], the previous step's probabilities (zeros
 *   where there are none); conditioned [rows, 1], 1 where there are, else 0
 * - timesteps [rows, 1]; positions int64 [rows]; bias [lanes, biasedHeads, biasedRows, context]
 * - keysN, valuesN, as the context encoder gives them
 *
 * -> logits [rows, vocabulary], normalised to log-probabilities
 */
export function denoiserGraph(config: DiffusionConfig, weights: Weights): Graph {
  const graph = new Graph('denoiser');
  const { heads, block, vocabulary } = config;
  const rows = `${block}*lanes`;
  const headWidth = config.width / heads;
  const context: ContextLayer[] = Array.from({ length: config.layers }, (_, layer) => ({
    keys: graph.input(`keys${layer}`, ['lanes', heads, headWidth, 'context']),
    values: graph.input(`values${layer}`, ['lanes', heads, 'context', headWidth]),
  }));
  const x = graph.input('x', [rows, vocabulary]);
  const previous = {
    probabilities: graph.input('previous', [rows, vocabulary]),
    share: graph.input('conditioned', [rows, 1]),
  };
  const logits = denoise(config, constantParameters(graph, weights), context, {
    sequences: 'lanes',
    blocks: 1,
    x,
    previous,
    timesteps: graph.input('timesteps', [rows, 1]),
    positions: graph.input('positions', [rows], 'int64'),
    bias: graph.input('bias', ['lanes', biasedHeads(config), biasedRows(config), 'context']),
  });
  graph.output('logits', logSoftmax(logits));
  return graph;
}
