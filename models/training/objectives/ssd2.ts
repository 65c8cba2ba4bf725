import { noiseLanes, type SequenceSource } from '../../data/sequences.ts';
import { add, crossEntropy, type Graph, softmax, stopGradient, type Value } from '../../graph/index.ts';
import type { DiffusionConfig } from '../../ssd2/config.ts';
import { biasedHeads, contextMask, masked, noisedMask } from '../../ssd2/layout.ts';
import { denoise, encodeContext, type Parameters } from '../../ssd2/network.ts';
import { uniform } from '../../ssd2/noise.ts';
import { NoisedRows, spreadTimestep } from './noised-rows.ts';
import { type Batch, type Losses, normalised, type Objective, weightedSum } from './objective.ts';

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
 * @param conditioned whether a first forward pass, without gradient, gives the previous logits
 * @returns logits of the noised positions [rows, vocabulary], and those of each clean position's next token
 */
export function sequenceLogits(
  graph: Graph,
  config: DiffusionConfig,
  parameters: Parameters,
  { sequences, blocks }: BatchShape,
  conditioned: boolean,
): { logits: Value; nextLogits: () => Value } {
  const length = blocks * config.block;
  const rows = sequences * length;
  const padding = graph.input('padding', [sequences, 1, 1, length]);
  const shape = [1, biasedHeads(config), length, length];
  const mask = (data: Float32Array, name: string) => add(graph.constant(data, shape, name), padding);
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

export interface Ssd2Options extends BatchShape {
  readonly seed: number;
  /** The range that timesteps are drawn from. */
  readonly timesteps: readonly [number, number];
  /** The probability that a batch is trained with the model's own previous logits. */
  readonly selfConditioning: number;
  /** The weight of each clean position's next-token loss. */
  readonly nextTokenWeight: number;
}

/** Denoising of every block of a sequence at once, and the next token of its clean positions. */
export class Ssd2Objective implements Objective {
  readonly rows: number;
  readonly #config: DiffusionConfig;
  readonly #options: Ssd2Options;
  readonly #source: SequenceSource;

  constructor(config: DiffusionConfig, options: Ssd2Options, source: SequenceSource) {
    this.rows = options.sequences * options.blocks * config.block;
    this.#config = config;
    this.#options = options;
    this.#source = source;
  }

  batch(n: number): Batch {
    const { block } = this.#config;
    const { sequences, blocks, seed, timesteps, selfConditioning, nextTokenWeight } = this.#options;
    const length = blocks * block;
    const noised = new NoisedRows(this.#config, this.rows);
    const contextTokens = new BigInt64Array(this.rows);
    const contextPositions = new BigInt64Array(this.rows);
    const contextTargets = new BigInt64Array(this.rows);
    const contextWeights = new Float32Array(this.rows);
    const padding = new Float32Array(this.rows);
    const draw = (position: number) => uniform({ seed, lane: noiseLanes.batch, block: 0, step: n, position });
    const start = draw(1);
    for (let sequence = 0; sequence < sequences; sequence++) {
      const { tokens, pad, first, end } = this.#source.sequence(n * sequences + sequence);
      for (let i = 0; i < length; i++) {
        const row = sequence * length + i;
        const learnt = (at: number) => at >= first && at < end;
        if (i < pad) padding[row] = masked;
        else {
          contextTokens[row] = BigInt(tokens[i]);
          contextPositions[row] = BigInt(i - pad);
          contextTargets[row] = BigInt(tokens[i + 1]);
          contextWeights[row] = learnt(i + 1) ? 1 : 0;
        }
        const t = spreadTimestep(timesteps, start, sequence * blocks + Math.floor(i / block));
        noised.set(row, tokens[block + i], block + i - pad, t, learnt(block + i), seed, n);
      }
    }
    normalised(contextWeights);
    for (let i = 0; i < contextWeights.length; i++) contextWeights[i] *= nextTokenWeight;
    const weights = normalised(noised.weights);
    const context = { contextTokens, contextPositions, contextTargets, contextWeights, padding };
    const { x, targets, positions } = noised;
    return {
      variant: draw(0) < selfConditioning ? 'self-conditioned' : 'plain',
      feeds: { ...context, x, targets, positions, timesteps: noised.timesteps, weights },
      weights,
      timesteps: noised.timesteps,
    };
  }

  forward(graph: Graph, parameters: Parameters, variant: string): Losses {
    const rows = [this.rows];
    const { logits, nextLogits } = sequenceLogits(
      graph,
      this.#config,
      parameters,
      this.#options,
      variant === 'self-conditioned',
    );
    const losses = crossEntropy(logits, graph.input('targets', rows, 'int64'));
    let objective = weightedSum(losses, graph.input('weights', rows));
    if (this.#options.nextTokenWeight > 0) {
      const next = crossEntropy(nextLogits(), graph.input('contextTargets', rows, 'int64'));
      objective = add(objective, weightedSum(next, graph.input('contextWeights', rows)));
    }
    return { losses, objective };
  }
}
