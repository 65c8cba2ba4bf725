import { gather, type Value } from '../graph/index.ts';
import type { ParameterSpec } from '../ssd2/parameters.ts';
import { correctionSpecs } from './adapter.ts';
import { decoder } from './decoder.ts';
import type { BaseGraph, CleanRows } from './denoising.ts';
import type { FrozenBase } from './frozen-base.ts';
import type { Parameters } from './linear.ts';

/** A tenant's own next-token model: some layers of a frozen base, its norm and its head, with a low-rank correction. */
export interface TunedShape {
  /** The base's layers that stay: the first ones, and behind them the last ones. */
  readonly firstLayers: number;
  readonly lastLayers: number;
  /** Of the correction of each matrix. */
  readonly rank: number;
}

/**
 * A base of those layers alone; nothing is copied.
 *
 * @throws RangeError where the base has fewer layers
 */
export function keptLayers(base: FrozenBase, { firstLayers, lastLayers }: TunedShape): FrozenBase {
  const { layers } = base.shape;
  const kept = firstLayers + lastLayers;
  if (kept > layers) {
    throw new RangeError(`${firstLayers} first and ${lastLayers} last layers of a base that has ${layers}`);
  }
  const original = (name: string) =>
    name.replace(/^layers\.(\d+)/, (_, layer) => `layers.${layer < firstLayers ? layer : +layer + layers - kept}`);
  return {
    shape: { ...base.shape, layers: kept },
    embedding: base.embedding,
    vector: (name) => base.vector(original(name)),
    matrix: (name) => base.matrix(original(name)),
  };
}

/**
 * Its tensors, those with weight decay first: the corrections, which change nothing at the start, over the layers as they are
 * counted here; `norm.gain` [width], what the rows before the head are multiplied by; and `prior` [vocabulary], the logarithm
 * of the tokens' frequency in the training text.
 *
 * @param base of the kept layers
 */
export function tunedSpecs({ shape }: FrozenBase, { rank }: TunedShape): ParameterSpec[] {
  return [
    ...correctionSpecs(shape, rank),
    { name: 'norm.gain', shape: [shape.width], initial: { constant: 1 }, decay: false },
    { name: 'prior', shape: [shape.vocabulary], initial: { logPrior: true }, decay: false, fixed: true },
  ];
}

/**
 * Next-token logits of clean tokens -> [sequences * length, vocabulary], not normalised.
 *
 * @param graph over the kept layers
 */
export function tunedLogits(
  graph: BaseGraph,
  parameters: Parameters,
  { sequences, length, tokens, positions, bias }: CleanRows,
): Value {
  const shape = { lanes: sequences, blocks: 1, rows: length };
  const family = graph.rows(shape, positions);
  const { rows } = decoder(graph.base.shape, graph.adapted(parameters), {
    ...{ shape, family, ownBias: bias },
    embedded: gather(graph.embedding, tokens),
    context: () => undefined,
  });
  return graph.head(rows, family, parameters('norm.gain'));
}
