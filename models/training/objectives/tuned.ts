import type { SequenceSource } from '../../data/sequences.ts';
import { crossEntropy, type Graph } from '../../graph/index.ts';
import { BaseGraph } from '../../network/denoising.ts';
import type { FrozenBase } from '../../network/frozen-base.ts';
import type { Parameters } from '../../network/linear.ts';
import { tunedLogits } from '../../network/tuned-base.ts';
import { type NextTokenShape, nextTokenBatch } from './next-token-batch.ts';
import { type Batch, type Losses, type Objective, weightedSum } from './objective.ts';
import { visibleScores } from './visible-scores.ts';

/** The next token of every position, by a base's layers with a correction. */
export class TunedObjective implements Objective {
  readonly rows: number;
  readonly #base: FrozenBase;
  readonly #shape: NextTokenShape;
  readonly #source: SequenceSource;

  /** @param base of the kept layers */
  constructor(base: FrozenBase, shape: NextTokenShape, source: SequenceSource) {
    this.rows = shape.sequences * (shape.length - 1);
    this.#base = base;
    this.#shape = shape;
    this.#source = source;
  }

  batch(n: number): Batch {
    return nextTokenBatch(this.#source, this.#shape, n);
  }

  forward(graph: Graph, parameters: Parameters): Losses {
    const length = this.#shape.length - 1;
    const { heads, groups } = this.#base.shape;
    const perGroup = heads / groups;
    const causal = visibleScores(perGroup, length, length, (row, column) => column <= row);
    const logits = tunedLogits(new BaseGraph(graph, this.#base, length), parameters, {
      sequences: this.#shape.sequences,
      length,
      tokens: graph.input('tokens', [this.rows], 'int64'),
      positions: graph.input('positions', [this.rows], 'int64'),
      bias: graph.constant(causal, [1, 1, 1, perGroup * length, length], 'causal'),
    });
    const losses = crossEntropy(logits, graph.input('targets', [this.rows], 'int64'));
    return { losses, objective: weightedSum(losses, graph.input('weights', [this.rows])) };
  }
}
