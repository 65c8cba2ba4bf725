import {
  add,
  concat,
  type Dimension,
  frozenLinear,
  type Graph,
  gather,
  linear,
  mul,
  reshape,
  slice,
  softmax,
  sub,
  type Value,
} from '../graph/index.ts';
import { constantParameters } from '../ssd2/graphs.ts';
import { type AdapterShape, blockRows } from './adapter.ts';
import type { Context, KeysAndValues, RowShape } from './attention.ts';
import { decoder } from './decoder.ts';
import { familyOf } from './families.ts';
import type { FamilyRows } from './family.ts';
import type { FrozenBase } from './frozen-base.ts';
import { type Adapted, adaptedProject, frozenProject, type Parameters, type Project } from './linear.ts';

/** A base inside a graph: its tables are constants there. */
export class BaseGraph {
  readonly graph: Graph;
  readonly base: FrozenBase;
  /** The base's products, with its own correction, if it has one. */
  readonly project: Project;
  readonly #positions: number;
  readonly #gain: Value | undefined;

  constructor(graph: Graph, base: FrozenBase, positions: number) {
    this.graph = graph;
    this.base = base;
    this.#positions = positions;
    const correction = base.correction && constantParameters(graph, base.correction);
    this.project = correction ? this.adapted(correction) : frozenProject((name) => base.matrix(name));
    this.#gain = correction?.('norm.gain');
  }

  get embedding(): Value {
    const { vocabulary, width } = this.base.shape;
    return this.graph.constant(this.base.embedding, [vocabulary, width], 'embedding');
  }

  readonly #vectors: Parameters = (name) => {
    const data = this.base.vector(name);
    return this.graph.constant(data, [data.length], name);
  };

  adapted(parameters: Parameters, options?: Adapted): Project {
    return adaptedProject((name) => this.base.matrix(name), parameters, options);
  }

  /** What the base's family does with rows at the given positions, an int64 vector. */
  rows(shape: RowShape, positions: Value): FamilyRows {
    return familyOf(this.base.shape).rows({
      ...{ shape, positions, mostPositions: this.#positions, vectors: this.#vectors },
    });
  }

  /**
   * Logits of rows [.., width] that went through all layers -> [.., vocabulary], not normalised.
   *
   * @param gain [width], what the normalised rows are multiplied by; that of the base's correction when absent
   */
  head(rows: Value, family: FamilyRows, gain = this.#gain): Value {
    const normal = family.norm(rows, 'norm');
    return frozenLinear(gain ? mul(normal, gain) : normal, 'head', this.base.matrix('head'));
  }
}

/** The clean tokens of `sequences` x `length` positions. */
export interface CleanRows {
  readonly sequences: Dimension;
  readonly length: Dimension;
  /** int64 [sequences * length] */
  readonly tokens: Value;
  readonly positions: Value;
  /** Added to the scores, broadcast to [sequences, groups, 1, heads a group * length, length]. */
  readonly bias: Value;
}

/** The clean stream: the base as it is, with the adapter off. Its next-token logits are the base's own. */
export function cleanStream(
  graph: BaseGraph,
  input: CleanRows,
  last: boolean,
): { rows: Value; layers: KeysAndValues[] } {
  const { sequences, length, tokens, positions, bias } = input;
  const shape = { lanes: sequences, blocks: 1, rows: length };
  return decoder(
    graph.base.shape,
    graph.project,
    {
      shape,
      embedded: gather(graph.embedding, tokens),
      family: graph.rows(shape, positions),
      ownBias: bias,
      context: () => undefined,
    },
    last,
  );
}

/** Noised tokens as they come in. */
export interface SimplexInput {
  /** x_t [rows, vocabulary] */
  readonly x: Value;
  /** The previous logits' probabilities, of x's shape, and whether they count, 1 or 0, [rows, 1]; 1 when absent. */
  readonly previous?: { readonly probabilities: Value; readonly share?: Value };
  /** [rows, 1] */
  readonly timesteps: Value;
}

/** Noised tokens as embeddings [rows, width]: their probabilities, averaged with the previous ones, times the table. */
export function embedSimplexes(
  graph: BaseGraph,
  parameters: Parameters,
  { x, previous, timesteps }: SimplexInput,
): Value {
  const evidence = softmax(add(x, parameters('prior')));
  const half = previous?.share ? mul(previous.share, 0.5) : 0.5;
  const simplex = previous ? add(evidence, mul(sub(previous.probabilities, evidence), half)) : evidence;
  const time = add(linear(timesteps, parameters('time.weight')), parameters('time.bias'));
  return add(linear(simplex, graph.embedding), time);
}

/** Noised blocks over kept contexts; rows = sequences * blocks * block. */
export interface NoisedRows extends SimplexInput {
  readonly sequences: Dimension;
  readonly blocks: number;
  /** The last clean token before each block, int64 [sequences * blocks]; only used with the shift. */
  readonly before: Value;
  /** Of every row that the network sees, int64 [sequences * blocks * blockRows]. */
  readonly positions: Value;
  readonly context: (layer: number) => Context;
}

/**
 * The noised stream: the base with the adapter on, bidirectional within a block.
 *
 * @returns logits [sequences * blocks * block, vocabulary]: the network's and, in nats, the evidence of x_t
 */
export function noisedStream(
  graph: BaseGraph,
  adapter: AdapterShape,
  parameters: Parameters,
  input: NoisedRows,
): Value {
  const { sequences, blocks, x, before, positions, context } = input;
  const { width } = graph.base.shape;
  const rows = blockRows(adapter);
  const shape = { lanes: sequences, blocks, rows };
  const family = graph.rows(shape, positions);
  const noised = embedSimplexes(graph, parameters, input);
  let embedded = noised;
  if (adapter.shift) {
    const first = reshape(gather(graph.embedding, before), [-1, 1, width]);
    embedded = concat([first, reshape(noised, [first.shape[0], adapter.block, width])], 1);
  }
  const { rows: out } = decoder(graph.base.shape, graph.adapted(parameters, { rank: adapter.rank }), {
    ...{ shape, family },
    embedded: reshape(embedded, [-1, width]),
    ownBias: undefined,
    context,
  });
  const asked = adapter.shift ? reshape(slice(reshape(out, [-1, rows, width]), 1, 0, adapter.block), [-1, width]) : out;
  return add(graph.head(asked, family), x);
}
