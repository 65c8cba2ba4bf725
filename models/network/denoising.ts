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
  rmsNorm,
  slice,
  softmax,
  sub,
  type Value,
} from '../graph/index.ts';
import { type AdapterShape, blockRows } from './adapter.ts';
import type { Context, KeysAndValues } from './attention.ts';
import { adaptedProject, frozenProject, type Parameters, type Project } from './linear.ts';
import { decoder, type Rotation } from './llama.ts';
import { type LlamaBase, rotaryTables } from './llama-base.ts';

/** A base inside a graph: its tables are constants there. */
export class BaseGraph {
  readonly graph: Graph;
  readonly base: LlamaBase;
  readonly #positions: number;

  constructor(graph: Graph, base: LlamaBase, positions: number) {
    this.graph = graph;
    this.base = base;
    this.#positions = positions;
  }

  get embedding(): Value {
    const { vocabulary, width } = this.base.shape;
    return this.graph.constant(this.base.embedding, [vocabulary, width], 'embedding');
  }

  readonly gains: Parameters = (name) => this.graph.constant(this.base.gains(name), [this.base.shape.width], name);

  readonly project = frozenProject((name) => this.base.matrix(name));

  /** @param gate 1 or 0 for each row, [rows, 1] */
  adapted(parameters: Parameters, gate?: Value): Project {
    return adaptedProject((name) => this.base.matrix(name), parameters, gate);
  }

  /** Of rows at the given positions, an int64 vector. */
  rotation(positions: Value, lanes: Dimension, rows: Dimension): Rotation {
    return {
      positions: reshape(positions, [lanes, rows]),
      tables: rotaryTables(this.base.shape, this.#positions),
    };
  }

  /** Logits of rows [.., width] -> [.., vocabulary], not normalised. */
  head(rows: Value): Value {
    const normal = rmsNorm(rows, this.gains('norm'), this.base.shape.normEpsilon);
    return frozenLinear(normal, 'head', this.base.matrix('head'));
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
  const { shape } = graph.base;
  return decoder(
    shape,
    graph.gains,
    graph.project,
    {
      shape: { lanes: sequences, blocks: 1, rows: length },
      embedded: gather(graph.embedding, tokens),
      rotation: graph.rotation(positions, sequences, length),
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
  const { shape } = graph.base;
  const { sequences, blocks, x, before, positions, context } = input;
  const { width } = shape;
  const rows = blockRows(adapter);
  const noised = embedSimplexes(graph, parameters, input);
  let embedded = noised;
  if (adapter.shift) {
    const first = reshape(gather(graph.embedding, before), [-1, 1, width]);
    embedded = concat([first, reshape(noised, [first.shape[0], adapter.block, width])], 1);
  }
  const { rows: out } = decoder(shape, graph.gains, graph.adapted(parameters), {
    shape: { lanes: sequences, blocks, rows },
    embedded: reshape(embedded, [-1, width]),
    rotation: graph.rotation(positions, sequences, blocks * rows),
    ownBias: undefined,
    context,
  });
  const asked = adapter.shift ? reshape(slice(reshape(out, [-1, rows, width]), 1, 0, adapter.block), [-1, width]) : out;
  return add(graph.head(asked), x);
}
