import type { AdapterShape } from '../network/adapter.ts';
import { headShape } from '../network/base-shape.ts';
import type { FrozenBase } from '../network/frozen-base.ts';
import { rowsGraph } from '../network/rows-graph.ts';
import { type Feed, type RuntimeOptions, Session } from '../runtime/session.ts';
import { masked } from '../ssd2/layout.ts';
import { type KeptLayer, type KeptPiece, type KeptPieces, lengthOf, pieceLength } from './kept-piece.ts';
import { Scratch } from './scratch.ts';
import { ContextStacker } from './stacked-contexts.ts';
import { cacheBytes, TokenCache } from './token-cache.ts';
import { Turns } from './turns.ts';

/** Rows of one lane: tokens, then simplexes. All lanes of a call have as many of each. */
export interface LaneRows {
  /** What all rows see beside each other. */
  readonly context: KeptPieces;
  readonly tokens: readonly number[];
  /** Of all rows, tokens first. */
  readonly positions: readonly number[];
  /** Which rows have the adapter on. */
  readonly adapted: readonly boolean[];
  /** Whether row i sees row j. */
  readonly sees: (i: number, j: number) => boolean;
  /** Rows whose logits are wanted. */
  readonly asked: readonly number[];
}

/** The lanes' simplexes, one lane after the other. */
export interface Simplexes {
  /** Of each lane. */
  readonly rows: number;
  /** x_t and the previous probabilities [lanes * rows, vocabulary], whether those count, and t, [lanes * rows]. */
  readonly x: Float32Array;
  readonly previous: Float32Array;
  readonly conditioned: Float32Array;
  readonly timesteps: Float32Array;
}

/** One loaded base: it encodes contexts, continues text and denoises, with any adapter of its rank. */
export class BaseRunner {
  readonly base: FrozenBase;
  readonly #clean: Session;
  readonly #makeAdapted: () => Promise<Session>;
  /** Only once something is to be denoised: what reads and drafts alone needs no adapter. */
  #adapted: Promise<Session> | undefined;
  readonly #cache = new TokenCache<KeptPiece>(cacheBytes);
  /** Calls take turns: each uses all threads. */
  readonly #turns = new Turns();
  readonly #stacker: ContextStacker;

  private constructor(base: FrozenBase, clean: Session, makeAdapted: () => Promise<Session>) {
    this.base = base;
    this.#clean = clean;
    this.#makeAdapted = makeAdapted;
    this.#stacker = new ContextStacker(base.shape.layers, this.#heads);
  }

  /** @param adapter the shape of those that will be on; none where nothing is denoised */
  static async create(
    base: FrozenBase,
    adapter: AdapterShape | undefined,
    positions: number,
    runtime?: RuntimeOptions,
  ): Promise<BaseRunner> {
    const make = (shape?: AdapterShape) => Session.create(rowsGraph(base, shape, positions), runtime);
    return new BaseRunner(base, await make(), () => make(adapter));
  }

  /** Runs `work` alone, when its owner's turn comes. */
  exclusively<T>(work: () => Promise<T>, owner: string): Promise<T> {
    return this.#turns.take(work, owner);
  }

  /**
   * Keys and values of clean tokens, piece by piece from the start, so that they do not depend on what was asked before.
   *
   * @param owner whose context it is: nobody else's question is answered sooner for it
   */
  async encode(ids: readonly number[], owner: string): Promise<KeptPieces> {
    const pieces: KeptPiece[] = [];
    for (let start = 0; start < ids.length; start += pieceLength) {
      const beginning = ids.slice(0, start + pieceLength);
      const before = [...pieces];
      pieces.push(await this.#cache.getOrMake(beginning, owner, () => this.#append(before, beginning.slice(start))));
    }
    return pieces;
  }

  async #append(context: KeptPieces, fresh: readonly number[]): Promise<KeptPiece> {
    const start = lengthOf(context);
    const { layers } = this.base.shape;
    const rows: LaneRows = {
      context,
      tokens: fresh,
      positions: fresh.map((_, i) => start + i),
      adapted: fresh.map(() => false),
      sees: (i, j) => j <= i,
      // The head takes no empty matrix.
      asked: [0],
    };
    const [piece] = piecesOf(await this.#pass([rows], undefined, layerOutputs(layers)), layers, 1, fresh.length);
    return piece;
  }

  get #heads() {
    const { groups, headWidth } = headShape(this.base.shape);
    return { groups, headWidth };
  }

  /**
   * One pass; the logits [asked, vocabulary] of the rows asked about, lane after lane.
   *
   * @param into memory for them; their own when absent
   */
  async run(
    lanes: readonly LaneRows[],
    denoised?: { readonly simplexes: Simplexes; readonly adapter: Readonly<Record<string, Feed>> },
    into = new Scratch(),
  ): Promise<Float32Array> {
    const { vocabulary } = this.base.shape;
    const asked = lanes.reduce((sum, lane) => sum + lane.asked.length, 0);
    const logits = into.floats(asked * vocabulary);
    await this.#pass(lanes, denoised, ['logits'], { logits: { data: logits, shape: [asked, vocabulary] } });
    return logits;
  }

  /**
   * One pass of one token a lane: the logits [lanes, vocabulary] of what comes after each, and what is to be kept of it.
   *
   * @param positions where the tokens stand
   */
  async next(
    lanes: readonly { readonly context: KeptPieces; readonly token: number; readonly position: number }[],
  ): Promise<{ logits: Float32Array; kept: KeptPiece[] }> {
    const rows = lanes.map(({ context, token, position }): LaneRows => {
      return { context, tokens: [token], positions: [position], adapted: [false], sees: () => true, asked: [0] };
    });
    const { layers } = this.base.shape;
    const outputs = await this.#pass(rows, undefined, ['logits', ...layerOutputs(layers)]);
    return { logits: outputs.logits, kept: piecesOf(outputs, layers, lanes.length, 1) };
  }

  /** What `next` keeps of a token, in bytes. */
  get tokenBytes(): number {
    const { groups, headWidth } = this.#heads;
    return 2 * this.base.shape.layers * groups * headWidth * Float32Array.BYTES_PER_ELEMENT;
  }

  /**
   * @param only the graph's outputs that are wanted
   * @param destinations of some of them
   */
  async #pass(
    lanes: readonly LaneRows[],
    denoised: { readonly simplexes: Simplexes; readonly adapter: Readonly<Record<string, Feed>> } | undefined,
    only: readonly string[],
    destinations: Readonly<Record<string, Feed>> = {},
  ): Promise<Record<string, Float32Array>> {
    const { layers, vocabulary, heads } = this.base.shape;
    const { groups, headWidth } = this.#heads;
    const [{ positions }] = lanes;
    const rows = positions.length;
    const count = lanes.length;
    const { length, keys, values, bias } = this.#stacker.stack(
      lanes.map(({ context }) => context),
      rows === 1,
    );
    const asked = lanes.flatMap((lane, index) => lane.asked.map((row) => index * rows + row));
    const integers = (values: readonly number[]) => ({
      data: BigInt64Array.from(values, BigInt),
      shape: [values.length],
    });
    const feeds: Record<string, Feed> = {
      ...(denoised ? denoising(denoised.simplexes, lanes, vocabulary) : {}),
      ...denoised?.adapter,
      'rows.size': BigInt64Array.of(BigInt(rows)),
      'lanes.size': BigInt64Array.of(BigInt(count)),
      tokens: integers(lanes.flatMap((lane) => lane.tokens)),
      positions: integers(lanes.flatMap((lane) => lane.positions)),
      asked: integers(asked),
      ownBias: { data: ownBias(lanes, rows, heads / groups), shape: [count, 1, 1, (heads / groups) * rows, rows] },
      contextBias: { data: bias, shape: [count, 1, 1, 1, length] },
    };
    for (let layer = 0; layer < layers; layer++) {
      feeds[`keys${layer}`] = { data: keys[layer], shape: [count, groups, 1, headWidth, length] };
      feeds[`values${layer}`] = { data: values[layer], shape: [count, groups, 1, length, headWidth] };
    }
    if (denoised) this.#adapted ??= this.#makeAdapted();
    const session = denoised ? await this.#adapted : this.#clean;
    return (session as Session).run(feeds, destinations, only);
  }

  async release(): Promise<void> {
    await this.#turns.done();
    await this.#clean.release();
    await (await this.#adapted)?.release();
  }
}

function layerOutputs(layers: number): string[] {
  return Array.from({ length: layers }, (_, layer) => [`newKeys${layer}`, `newValues${layer}`]).flat();
}

/** Each lane's part of the layers' outputs of a pass. */
function piecesOf(
  outputs: Readonly<Record<string, Float32Array>>,
  layers: number,
  lanes: number,
  length: number,
): KeptPiece[] {
  return Array.from({ length: lanes }, (_, lane) => {
    const own = (name: string) => {
      const all = outputs[name];
      return lanes === 1 ? all : all.slice((lane * all.length) / lanes, ((lane + 1) * all.length) / lanes);
    };
    const kept = Array.from({ length: layers }, (_, layer): KeptLayer => {
      return { keys: own(`newKeys${layer}`), values: own(`newValues${layer}`) };
    });
    const bytes = kept.reduce((sum, { keys, values }) => sum + keys.byteLength + values.byteLength, 0);
    return { length, layers: kept, bytes };
  });
}

/** What is fed for simplex rows, and where an adapter is on. */
function denoising(simplexes: Simplexes, lanes: readonly LaneRows[], vocabulary: number): Record<string, Feed> {
  const { x, previous, conditioned, timesteps } = simplexes;
  const rows = lanes.length * simplexes.rows;
  const adapted = lanes.flatMap((lane) => lane.adapted);
  return {
    x: { data: x, shape: [rows, vocabulary] },
    previous: { data: previous, shape: [rows, vocabulary] },
    conditioned: { data: conditioned, shape: [rows, 1] },
    timesteps: { data: timesteps, shape: [rows, 1] },
    gate: { data: Float32Array.from(adapted, Number), shape: [adapted.length, 1] },
  };
}

/** Scores among the rows of each lane, once for each head of a group. */
function ownBias(lanes: readonly LaneRows[], rows: number, perGroup: number): Float32Array {
  const size = rows * rows;
  const bias = new Float32Array(lanes.length * perGroup * size);
  lanes.forEach(({ sees }, lane) => {
    const first = lane * perGroup * size;
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < rows; j++) if (!sees(i, j)) bias[first + i * rows + j] = masked;
    }
    for (let copy = 1; copy < perGroup; copy++) bias.copyWithin(first + copy * size, first, first + size);
  });
  return bias;
}
