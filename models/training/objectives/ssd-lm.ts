import { noiseLanes, type SequenceSource } from '../../data/sequences.ts';
import { add, crossEntropy, type Graph } from '../../graph/index.ts';
import type { DiffusionConfig } from '../../ssd2/config.ts';
import { attentionScores, biasedHeads, masked } from '../../ssd2/layout.ts';
import { denoiseJointly, type Parameters } from '../../ssd2/network.ts';
import { uniform } from '../../ssd2/noise.ts';
import { NoisedRows, spreadTimestep } from './noised-rows.ts';
import { type Batch, type Losses, normalised, type Objective, weightedSum } from './objective.ts';
import type { BatchShape } from './ssd2.ts';

export interface SsdLmOptions extends BatchShape {
  readonly seed: number;
  readonly timesteps: readonly [number, number];
}

/**
 * SSD-LM's training (arXiv 2210.17432): a batch has one sampled context length, each of its sequences one noised block
 * after that context, and everything attends to everything. `sequences` counts blocks here: to see as many noised
 * tokens a batch as SSD-2 does, it takes sequences * blocks of them.
 */
export class SsdLmObjective implements Objective {
  readonly rows: number;
  readonly #config: DiffusionConfig;
  readonly #options: SsdLmOptions;
  readonly #source: SequenceSource;
  readonly #sequences: number;

  constructor(config: DiffusionConfig, options: SsdLmOptions, source: SequenceSource) {
    this.#sequences = options.sequences * options.blocks;
    this.rows = this.#sequences * config.block;
    this.#config = config;
    this.#options = options;
    this.#source = source;
  }

  batch(n: number): Batch {
    const { block } = this.#config;
    const { seed, timesteps, blocks } = this.#options;
    const draw = (position: number) => uniform({ seed, lane: noiseLanes.batch, block: 0, step: n, position });
    // In whole blocks of the grid; the first is filled as far as each sequence's remainder reaches.
    const contextBlocks = 1 + Math.floor(draw(0) * blocks);
    const length = contextBlocks * block;
    const start = draw(1);
    const noised = new NoisedRows(this.#config, this.rows);
    const contextTokens = new BigInt64Array(this.#sequences * length);
    const contextPositions = new BigInt64Array(contextTokens.length);
    const padding = new Float32Array(this.#sequences * (length + block));
    for (let sequence = 0; sequence < this.#sequences; sequence++) {
      const { tokens, pad, first, end } = this.#source.sequence(n * this.#sequences + sequence);
      padding.fill(masked, sequence * (length + block), sequence * (length + block) + pad);
      for (let i = pad; i < length; i++) {
        contextTokens[sequence * length + i] = BigInt(tokens[i]);
        contextPositions[sequence * length + i] = BigInt(i - pad);
      }
      const t = spreadTimestep(timesteps, start, sequence);
      for (let i = 0; i < block; i++) {
        const at = length + i;
        noised.set(sequence * block + i, tokens[at], at - pad, t, at >= first && at < end, seed, n);
      }
    }
    const weights = normalised(noised.weights);
    const { x, targets, positions } = noised;
    return {
      variant: String(contextBlocks),
      feeds: {
        ...{ contextTokens, contextPositions, padding, x, targets, positions },
        ...{ timesteps: noised.timesteps, weights },
      },
      weights,
      timesteps: noised.timesteps,
    };
  }

  /** @param variant the context's length in blocks */
  forward(graph: Graph, parameters: Parameters, variant: string): Losses {
    const { block, vocabulary } = this.#config;
    const length = Number(variant) * block;
    const context = [this.#sequences * length];
    const rows = [this.rows];
    const total = length + block;
    const scores = graph.constant(
      attentionScores(this.#config, [total, 0], total),
      [1, biasedHeads(this.#config), total, total],
      'scores',
    );
    const logits = denoiseJointly(
      this.#config,
      parameters,
      {
        sequences: this.#sequences,
        length,
        tokens: graph.input('contextTokens', context, 'int64'),
        positions: graph.input('contextPositions', context, 'int64'),
        bias: add(scores, graph.input('padding', [this.#sequences, 1, 1, length + block])),
      },
      {
        x: graph.input('x', [this.rows, vocabulary]),
        timesteps: graph.input('timesteps', [this.rows, 1]),
        positions: graph.input('positions', rows, 'int64'),
      },
    );
    const losses = crossEntropy(logits, graph.input('targets', rows, 'int64'));
    return { losses, objective: weightedSum(losses, graph.input('weights', rows)) };
  }
}
