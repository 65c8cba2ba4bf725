import { noiseLanes, type SequenceSource } from '../../data/sequences.ts';
import {
  add,
  addAt,
  crossEntropy,
  type Graph,
  mul,
  randomNormal,
  reshape,
  type Shape,
  softmax,
  stopGradient,
  sub,
  type Value,
} from '../../graph/index.ts';
import { type AdapterShape, blockRows } from '../../network/adapter.ts';
import { BaseGraph, cleanStream, noisedStream } from '../../network/denoising.ts';
import type { FrozenBase } from '../../network/frozen-base.ts';
import type { Parameters } from '../../network/linear.ts';
import { cleanTimestep, type InformationTable } from '../../ssd2/information.ts';
import { masked } from '../../ssd2/layout.ts';
import { uniform } from '../../ssd2/noise.ts';
import { alphaBar, simplexScaleAt } from '../../ssd2/schedule.ts';
import { noiseSimplex } from '../../ssd2/simplex.ts';
import { type Batch, type Losses, normalised, type Objective, weightedSum } from './objective.ts';
import { visibleScores } from './visible-scores.ts';

export interface AdapterOptions {
  readonly sequences: number;
  /** Blocks of a sequence; a segment of context goes before the first. */
  readonly blocks: number;
  /** Times that each block is noised, over one pass of its clean tokens. */
  readonly noisings: number;
  readonly seed: number;
  /** The range that timesteps are drawn from. */
  readonly timesteps: readonly [number, number];
  readonly noise: 'uniform' | 'information';
  /** The share of blocks that hold clean tokens among the noised. */
  readonly cleanTokens: number;
  readonly selfConditioning: number;
  /** What draws the noise of x_t: counters, the same numbers on every machine, or the runtime as the graph runs. */
  readonly generator: 'counter' | 'runtime';
}

/** Denoising by a frozen base with an adapter. */
export class AdapterObjective implements Objective {
  readonly rows: number;
  readonly #base: FrozenBase;
  readonly #adapter: AdapterShape;
  readonly #options: AdapterOptions;
  readonly #source: SequenceSource;
  readonly #information: InformationTable;

  constructor(
    base: FrozenBase,
    adapter: AdapterShape,
    options: AdapterOptions,
    source: SequenceSource,
    information: InformationTable,
  ) {
    this.rows = options.sequences * options.noisings * options.blocks * adapter.block;
    this.#base = base;
    this.#adapter = adapter;
    this.#options = options;
    this.#source = source;
    this.#information = information;
  }

  batch(n: number): Batch {
    const { block, shift } = this.#adapter;
    const { vocabulary } = this.#base.shape;
    const { sequences, blocks, noisings, seed } = this.#options;
    const length = blocks * block;
    const noisedBlocks = sequences * noisings * blocks;
    const seen = blockRows(this.#adapter);
    const contextTokens = new BigInt64Array(sequences * length);
    const contextPositions = new BigInt64Array(sequences * length);
    const padding = new Float32Array(sequences * length);
    const before = new BigInt64Array(noisedBlocks);
    const positions = new BigInt64Array(noisedBlocks * seen);
    const { generator } = this.#options;
    const x = new Float32Array(generator === 'counter' ? this.rows * vocabulary : 0);
    const targets = new BigInt64Array(this.rows);
    const timesteps = new Float32Array(this.rows);
    const weights = new Float32Array(this.rows);
    const draw = (position: number) => uniform({ seed, lane: noiseLanes.batch, block: 0, step: n, position });
    for (let sequence = 0; sequence < sequences; sequence++) {
      const { tokens, pad, first, end } = this.#source.sequence(n * sequences + sequence);
      for (let i = 0; i < length; i++) {
        const at = sequence * length + i;
        if (i < pad) padding[at] = masked;
        else {
          contextTokens[at] = BigInt(tokens[i]);
          contextPositions[at] = BigInt(i - pad);
        }
      }
      for (let noising = 0; noising < noisings; noising++) {
        for (let b = 0; b < blocks; b++) {
          const index = (sequence * noisings + noising) * blocks + b;
          const start = (b + 1) * block;
          before[index] = BigInt(tokens[start - 1]);
          for (let r = 0; r < seen; r++) positions[index * seen + r] = BigInt(start - pad + r - (shift ? 1 : 0));
          const ts = blockTimesteps(block, this.#options, this.#information, (i) =>
            uniform({ seed, lane: noiseLanes.batch, block: 1, step: n, position: index * 64 + i }),
          );
          for (let i = 0; i < block; i++) {
            const row = index * block + i;
            const token = tokens[start + i];
            targets[row] = BigInt(token);
            timesteps[row] = ts[i];
            const at = start + i;
            weights[row] = ts[i] > cleanTimestep && at >= first && at < end ? 1 : 0;
            if (generator === 'runtime') continue;
            const address = { seed, lane: noiseLanes.noise, block: 0, step: n, position: row };
            noiseSimplex([token], ts[i], 'posterior', address, x.subarray(row * vocabulary, (row + 1) * vocabulary));
          }
        }
      }
    }
    normalised(weights);
    return {
      variant: draw(0) < this.#options.selfConditioning ? 'self-conditioned' : 'plain',
      feeds: {
        ...{ contextTokens, contextPositions, padding, before, positions, targets, timesteps, weights },
        ...(generator === 'counter' ? { x } : amplitudes(timesteps)),
      },
      weights,
      timesteps,
    };
  }

  forward(graph: Graph, parameters: Parameters, variant: string): Losses {
    const { sequences, blocks, noisings } = this.#options;
    const { block } = this.#adapter;
    const { shape } = this.#base;
    const { vocabulary, heads, groups } = shape;
    const length = blocks * block;
    const perGroup = heads / groups;
    const seen = blockRows(this.#adapter);
    const noisedBlocks = noisings * blocks;
    // The runtime wants as many angles as there are rows, whatever their positions.
    const base = new BaseGraph(graph, this.#base, Math.max(length + block, noisedBlocks * seen));
    const padding = graph.input('padding', [sequences, 1, 1, 1, length]);
    const causal = visibleScores(perGroup, length, length, (row, column) => column <= row);
    const clean = cleanStream(
      base,
      {
        sequences,
        length,
        tokens: graph.input('contextTokens', [sequences * length], 'int64'),
        positions: graph.input('contextPositions', [sequences * length], 'int64'),
        bias: addConstant(padding, causal, [1, 1, 1, perGroup * length, length], 'causal'),
      },
      false,
    );
    // A noised block sees the segments before it.
    const visible = new Float32Array(noisedBlocks * length);
    for (let b = 0; b < noisedBlocks; b++)
      visible.fill(masked, b * length + ((b % blocks) + 1) * block, (b + 1) * length);
    const bias = addConstant(padding, visible, [1, 1, noisedBlocks, 1, length], 'visible');
    const rows = sequences * noisedBlocks * block;
    const targets = graph.input('targets', [rows], 'int64');
    const x =
      this.#options.generator === 'counter' ? graph.input('x', [rows, vocabulary]) : this.#noised(graph, targets);
    const timesteps = graph.input('timesteps', [rows, 1]);
    const before = graph.input('before', [sequences * noisedBlocks], 'int64');
    const positions = graph.input('positions', [sequences * noisedBlocks * seen], 'int64');
    const run = (previous?: Value) =>
      noisedStream(base, this.#adapter, parameters, {
        sequences,
        blocks: noisedBlocks,
        x,
        timesteps,
        before,
        positions,
        context: (layer) => ({ ...clean.layers[layer], bias }),
        ...(previous ? { previous: { probabilities: previous } } : {}),
      });
    const logits = variant === 'self-conditioned' ? run(stopGradient(softmax(run()))) : run();
    const losses = crossEntropy(logits, targets);
    return { losses, objective: weightedSum(losses, graph.input('weights', [rows])) };
  }

  /** noiseSimplex of every row as nodes. */
  #noised(graph: Graph, targets: Value): Value {
    const [rows] = targets.shape;
    const { vocabulary } = this.#base.shape;
    const [signal, noise] = ['signal', 'noise'].map((name) => graph.input(name, [rows, 1]));
    const background = sub(mul(randomNormal(graph, [this.rows, vocabulary], this.#options.seed), noise), signal);
    return addAt(background, reshape(targets, [-1, 1]), mul(signal, 2));
  }
}

/** What noiseSimplex multiplies the simplex and the noise by at each row's timestep. */
function amplitudes(timesteps: Float32Array): { signal: Float32Array; noise: Float32Array } {
  const scaled = (share: (alpha: number) => number) =>
    timesteps.map((t) => simplexScaleAt('posterior', t) * Math.sqrt(share(alphaBar(t))));
  return { signal: scaled((alpha) => alpha), noise: scaled((alpha) => 1 - alpha) };
}

/**
 * The timesteps of a block's positions; cleanTimestep marks a clean token. Of the blocks with clean tokens half have a
 * clean beginning, as when a block is settled from the left, every other one under noise that rises to the right; the
 * others are gaps between clean ends, or have clean tokens anywhere.
 */
export function blockTimesteps(
  block: number,
  { noise, cleanTokens, timesteps: [least, most] }: Pick<AdapterOptions, 'noise' | 'cleanTokens' | 'timesteps'>,
  information: InformationTable,
  draw: (i: number) => number,
): Float32Array {
  const within = (t: number) => Math.max(cleanTimestep + 1e-3, Math.min(most, Math.max(least, t)));
  // A draw outside of the range is drawn again as one inside, so that a specialist's range is filled evenly.
  const at = (q: number) => {
    const t = information.timestepAt(q);
    return within(t > least && t <= most ? t : least + (most - least) * q);
  };
  const u = 1 - draw(0);
  const even = least + (most - least) * u;
  const t = noise === 'uniform' || draw(1) >= 0.7 ? within(even) : at(u);
  const timesteps = new Float32Array(block).fill(t);
  const kind = draw(2);
  if (kind >= cleanTokens) return timesteps;
  if (draw(3) < 1 / 3) timesteps.fill(most);
  if (kind < cleanTokens / 2) {
    const settled = 1 + Math.floor(draw(4) * (block - 1));
    if (draw(5) < 0.5) {
      const slope = 3 * draw(6);
      for (let i = settled; i < block; i++) timesteps[i] = at(Math.min(1, u + (slope * (i - settled)) / block));
    }
    return timesteps.fill(cleanTimestep, 0, settled);
  }
  if (kind < (3 * cleanTokens) / 4) {
    const gap = 1 + Math.floor(draw(4) * Math.min(20, block - 1));
    const from = Math.floor(draw(5) * (block - gap + 1));
    return timesteps.fill(cleanTimestep, 0, from).fill(cleanTimestep, from + gap);
  }
  const share = draw(4);
  const kept = Math.floor(draw(5) * block);
  for (let i = 0; i < block; i++) if (i !== kept && draw(8 + i) < share) timesteps[i] = cleanTimestep;
  return timesteps;
}

function addConstant(x: Value, data: Float32Array, shape: Shape, name: string): Value {
  return add(x.graph.constant(data, shape, name), x);
}
