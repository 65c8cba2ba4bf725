import { add, crossEntropy, Graph, gradients, mean, mul, softmax, stopGradient, type Value } from '../graph/index.ts';
import type { ModelConfig } from '../ssd2/config.ts';
import { inputParameters } from '../ssd2/graphs.ts';
import { contextMask, noisedMask } from '../ssd2/layout.ts';
import { denoise, encodeContext, type Parameters } from '../ssd2/network.ts';
import { parameterSpecs } from '../ssd2/parameters.ts';

/** How many sequences a graph takes, and into how many noised blocks each is cut; a segment of context goes before. */
export interface BatchShape {
  readonly sequences: number;
  readonly blocks: number;
}

/**
 * The forward pass over whole sequences, every block noised at its own timestep (SSD-2's efficient context encoding).
 * Clean positions are segments 0 .. blocks - 1, noised ones blocks 1 .. blocks: context = noised = blocks * block
 * positions a sequence, rows = sequences * blocks * block. Adds the inputs
 *
 * - contextTokens, contextPositions int64 [rows]; padding [sequences, 1, 1, context], added to the scores
 * - x [rows, vocabulary]; timesteps [rows, 1]; positions int64 [rows]
 *
 * @param selfConditioned whether a first forward pass, without gradient, gives the previous logits
 * @returns logits of the noised positions [rows, vocabulary], and those of each clean position's next token
 */
export function sequenceLogits(
  graph: Graph,
  config: ModelConfig,
  parameters: Parameters,
  { sequences, blocks }: BatchShape,
  conditioned: boolean,
): { logits: Value; nextLogits: () => Value } {
  const length = blocks * config.block;
  const rows = sequences * length;
  const padding = graph.input('padding', [sequences, 1, 1, length]);
  const mask = (data: Float32Array, name: string) => add(graph.constant(data, [1, 1, length, length], name), padding);
  const context = encodeContext(config, parameters, {
    sequences,
    length,
    tokens: graph.input('contextTokens', [rows], 'int64'),
    positions: graph.input('contextPositions', [rows], 'int64'),
    bias: mask(contextMask(config, length), 'contextMask'),
  });
  const noised = {
    sequences,
    blocks,
    timesteps: graph.input('timesteps', [rows, 1]),
    positions: graph.input('positions', [rows], 'int64'),
    bias: mask(noisedMask(config, blocks, length), 'noisedMask'),
  };
  const x = graph.input('x', [rows, config.vocabulary]);
  const run = (previous?: Value) =>
    denoise(config, parameters, context.layers, {
      ...noised,
      x,
      ...(previous ? { previous: { probabilities: previous } } : {}),
    });
  const logits = conditioned ? run(stopGradient(softmax(run()))) : run();
  return { logits, nextLogits: context.nextLogits };
}

/** The name of the output that holds a parameter's gradient. */
export function gradientName(parameter: string): string {
  return `gradient.${parameter}`;
}

/**
 * Forward and backward pass: the parameters and sequenceLogits' inputs, and targets int64 [rows] -> losses [rows], the
 * cross-entropy in nats of each noised position, and the gradient of their mean by every parameter.
 */
export function trainingGraph(
  config: ModelConfig,
  shape: BatchShape,
  conditioned: boolean,
  nextTokenWeight: number,
): Graph {
  const graph = new Graph(conditioned ? 'training-self-conditioned' : 'training');
  const parameters = inputParameters(graph, config);
  const { logits, nextLogits } = sequenceLogits(graph, config, parameters, shape, conditioned);
  const [rows] = logits.shape;
  const losses = crossEntropy(logits, graph.input('targets', [rows], 'int64'));
  graph.output('losses', losses);
  let objective = mean(losses);
  if (nextTokenWeight > 0) {
    const nextLosses = crossEntropy(nextLogits(), graph.input('contextTargets', [rows], 'int64'));
    const counted = mul(nextLosses, graph.input('contextWeights', [rows]));
    graph.output('nextLosses', counted);
    objective = add(objective, mul(mean(counted), nextTokenWeight));
  }
  // A layer of its own for previous logits has no gradient in a pass without them.
  const trained = parameterSpecs(config).filter(
    ({ name, fixed }) => !fixed && (conditioned || name !== 'embed.previous'),
  );
  const values = trained.map(({ name }) => parameters(name));
  gradients(objective, values).forEach((gradient, i) => {
    graph.output(gradientName(trained[i].name), gradient);
  });
  return graph;
}

/** The forward pass alone, with the same inputs as trainingGraph -> losses [rows]. */
export function lossGraph(config: ModelConfig, shape: BatchShape): Graph {
  const graph = new Graph('loss');
  const { logits } = sequenceLogits(graph, config, inputParameters(graph, config), shape, false);
  graph.output('losses', crossEntropy(logits, graph.input('targets', [logits.shape[0]], 'int64')));
  return graph;
}
