import type { SequenceSource } from '../../data/sequences.ts';
import { crossEntropy, type Graph } from '../../graph/index.ts';
import type { AutoregressiveConfig } from '../../ssd2/config.ts';
import { biasedHeads, causalMask } from '../../ssd2/layout.ts';
import { encodeContext, type Parameters } from '../../ssd2/network.ts';
import { type NextTokenShape, nextTokenBatch } from './next-token-batch.ts';
import { type Batch, type Losses, type Objective, weightedSum } from './objective.ts';

/** The next token of every position. */
export class AutoregressiveObjective implements Objective {
  readonly rows: number;
  readonly #config: AutoregressiveConfig;
  readonly #options: NextTokenShape;
  readonly #source: SequenceSource;

  constructor(config: AutoregressiveConfig, options: NextTokenShape, source: SequenceSource) {
    this.rows = options.sequences * (options.length - 1);
    this.#config = config;
    this.#options = options;
    this.#source = source;
  }

  batch(n: number): Batch {
    return nextTokenBatch(this.#source, this.#options, n);
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
