import { concat, Graph, gather, reshape, sizeOf, type Value } from '../graph/index.ts';
import { type AdapterShape, adapterSpecs } from './adapter.ts';
import { headShape } from './base-shape.ts';
import { decoder } from './decoder.ts';
import { BaseGraph, embedSimplexes } from './denoising.ts';
import type { FrozenBase } from './frozen-base.ts';

/**
 * The one graph that serves a base and all its adapters: any rows over a kept context. A lane's rows are tokens, then
 * simplexes; each row has its adapter on or off, and sees what the scores' biases let it see. So it encodes a context
 * (tokens, adapter off, causal), gives next-token logits of a block's draft (the same), and denoises (simplexes, adapter
 * on, bidirectional), all in one pass where that is wanted.
 *
 * Inputs, rows = tokenRows + simplexRows a lane:
 *
 * - tokens int64 [lanes * tokenRows]; x, previous [lanes * simplexRows, vocabulary], conditioned and timesteps
 *   [lanes * simplexRows, 1], as noisedStream takes them
 * - gate [lanes * rows, 1], 1 where the adapter is on; positions int64 [lanes * rows]
 * - ownBias [lanes, 1, 1, heads a group * rows, rows], contextBias [lanes, 1, 1, 1, context]
 * - keysN [lanes, groups, 1, head width, context], valuesN [lanes, groups, 1, context, head width]
 * - lanes.size, rows.size int64 [1]
 * - asked int64 [asked], rows counted over all lanes; the adapter's tensors by their names, where the base is in eight bits
 *   `NAME.a` in as many with `NAME.a.scale` [rank]: so a row's sums are the same however many threads a pass of any size has
 *
 * -> logits [asked, vocabulary], the network's own; newKeysN, newValuesN, of all rows, in the shape of keysN and valuesN
 *
 * Without an adapter it has no simplex rows, and neither their inputs nor gate nor tensors of an adapter: the same numbers as
 * where no row has one on, for less work.
 */
export function rowsGraph(base: FrozenBase, adapter: AdapterShape | undefined, positions: number): Graph {
  const graph = new Graph('rows');
  const inside = new BaseGraph(graph, base, positions);
  const { shape } = base;
  const { width, vocabulary, layers, heads, groups } = shape;
  const { headWidth } = headShape(shape);
  const fed = new Map<string, Value>();
  for (const { name, shape: size } of adapter ? adapterSpecs(shape, adapter) : []) {
    const quantised = isQuantisedFactor(base, name);
    fed.set(name, graph.input(name, size, quantised ? 'int8' : 'float32'));
    if (quantised) fed.set(`${name}.scale`, graph.input(`${name}.scale`, [size[1] as number]));
  }
  const parameters = (name: string) => fed.get(name) as Value;

  for (const symbol of ['lanes', 'rows']) graph.sizeInput(symbol);
  const tokens = graph.input('tokens', [adapter ? 'lanes*tokenRows' : 'lanes*rows'], 'int64');
  const looked = gather(inside.embedding, tokens);
  const withSimplexes = () => {
    const simplexRows = 'lanes*simplexRows';
    const noised = embedSimplexes(inside, parameters, {
      x: graph.input('x', [simplexRows, vocabulary]),
      previous: {
        probabilities: graph.input('previous', [simplexRows, vocabulary]),
        share: graph.input('conditioned', [simplexRows, 1]),
      },
      timesteps: graph.input('timesteps', [simplexRows, 1]),
    });
    const byLane = (rows: Value, count: string) => reshape(rows, ['lanes', count, width]);
    return reshape(concat([byLane(looked, 'tokenRows'), byLane(noised, 'simplexRows')], 1, 'rows'), [-1, width]);
  };
  const embedded = adapter ? withSimplexes() : looked;

  const ownBias = graph.input('ownBias', ['lanes', 1, 1, sizeOf([heads / groups, 'rows']), 'rows']);
  const contextBias = graph.input('contextBias', ['lanes', 1, 1, 1, 'context']);
  const kept = Array.from({ length: layers }, (_, layer) => ({
    keys: graph.input(`keys${layer}`, ['lanes', groups, 1, headWidth, 'context']),
    values: graph.input(`values${layer}`, ['lanes', groups, 1, 'context', headWidth]),
    bias: contextBias,
  }));
  const rowShape = { lanes: 'lanes', blocks: 1, rows: 'rows' };
  const family = inside.rows(rowShape, graph.input('positions', ['lanes*rows'], 'int64'));
  const { rows, layers: fresh } = decoder(
    shape,
    adapter
      ? inside.adapted(parameters, {
          ...{ rank: adapter.rank, gate: graph.input('gate', ['lanes*rows', 1]), quantised: isQuantised(base) },
        })
      : inside.project,
    {
      ...{ shape: rowShape, family },
      ...{ embedded, ownBias },
      context: (layer) => kept[layer],
    },
  );
  const asked = gather(rows, graph.input('asked', ['asked'], 'int64'));
  graph.output('logits', inside.head(asked, family));
  fresh.forEach(({ keys, values }, layer) => {
    graph.output(`newKeys${layer}`, keys);
    graph.output(`newValues${layer}`, values);
  });
  return graph;
}

function isQuantised(base: FrozenBase): boolean {
  return base.matrix('head').quantised !== undefined;
}

/**
 * The most threads with which a row has the same bits as with one: products in eight bits are exact in integers, and those of
 * attention are one a group of heads, each of which a single thread computes while there are no more threads than groups.
 */
export function exactThreads(base: FrozenBase): number {
  return isQuantised(base) ? headShape(base.shape).groups : 1;
}

/** Whether one of an adapter's tensors is fed in eight bits. */
export function isQuantisedFactor(base: FrozenBase, name: string): boolean {
  return name.endsWith('.a') && isQuantised(base);
}
