import type { SequenceSource } from '../../data/sequences.ts';
import { crossEntropy, type Graph } from '../../graph/index.ts';
import type { AutoregressiveConfig } from '../../ssd2/config.ts';
import { biasedHeads, causalMask } from '../../ssd2/layout.ts';
import { encodeContext, type Parameters } from '../../ssd2/network.ts';
import { type Batch, type Losses, normalised, type Objective, weightedSum } from './objective.ts';

export interface AutoregressiveOptions {
  readonly sequences: number;
  /** Tokens of a sequence on the grid. */
  readonly length: number;
}

/** The next token of every position. */
export class AutoregressiveObjective implements Objective {
  readonly rows: number;
  readonly #config: AutoregressiveConfig;
  readonly #options: AutoregressiveOptions;
  readonly #source: SequenceSource;

  constructor(config: AutoregressiveConfig, options: AutoregressiveOptions, source: SequenceSource) {
    this.rows = options.sequences * (options.length - 1);
    this.#config = config;
    this.#options = options;
    this.#source = source;
  }

  batch(n: number): Batch {
    const { sequences, length } = this.#options;
    const tokens = new BigInt64Array(this.rows);
    const positions = new BigInt64Array(this.rows);
    const targets = new BigInt64Array(this.rows);
    const weights = new Float32Array(this.rows);
    for (let sequence = 0; sequence < sequences; sequence++) {
      const { tokens: grid, pad, first, end } = this.#source.sequence(n * sequences + sequence);
      // Left-aligned: under the causal mask what comes after a sequence's end cannot disturb it.
      for (let i = 0; i + 1 < length; i++) {
        const row = sequence * (length - 1) + i;
        const at = pad + i;
        positions[row] = BigInt(i);
        if (at + 1 >= grid.length) continue;
        tokens[row] = BigInt(grid[at]);
        targets[row] = BigInt(grid[at + 1]);
        weights[row] = at + 1 >= first && at + 1 < end ? 1 : 0;
      }
    }
    normalised(weights);
    return { variant: 'plain', feeds: { tokens, positions, targets, weights }, weights };
  }

  forward(graph: Graph, parameters: Parameters): Losses {
    const length = this.#options.length - 1;
    const rows = [this.rows];
    const { nextLogits } = encodeContext(this.#config, parameters, {
      sequences: this.#options.sequences,
      length,
      tokens: graph.input('tokens', rows, 'int64'),
      positions: graph.input('positions', rows, 'int64'),
      bias: graph.constant(
        causalMask(this.#config, length),
        [1, biasedHeads(this.#config), length, length],
        'causalMask',
      ),
    });
    const losses = crossEntropy(nextLogits(), graph.input('targets', rows, 'int64'));
    return { losses, objective: weightedSum(losses, graph.input('weights', rows)) };
  }
}
