import type { AdapterShape } from '../network/adapter.ts';
import { headShape } from '../network/llama.ts';
import type { LlamaBase } from '../network/llama-base.ts';
import { rowsGraph } from '../network/rows-graph.ts';
import { type Feed, type RuntimeOptions, Session } from '../runtime/session.ts';
import { masked } from '../ssd2/layout.ts';
import { type EncodedPrefix, grown, pieceLength } from './encoded-prefix.ts';
import { cacheBytes, TokenCache } from './token-cache.ts';
import { Turns } from './turns.ts';

/** Rows of one lane: tokens, then simplexes. All lanes of a call have as many of each. */
export interface LaneRows {
  /** What all rows see beside each other; nothing where it is undefined. */
  readonly context: EncodedPrefix | undefined;
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
  readonly base: LlamaBase;
  readonly #clean: Session;
  readonly #makeAdapted: () => Promise<Session>;
  /** Only once something is to be denoised: what reads and drafts alone needs no adapter. */
  #adapted: Promise<Session> | undefined;
  readonly #cache = new TokenCache<EncodedPrefix>(cacheBytes);
  /** Calls take turns: each uses all threads. */
  readonly #turns = new Turns();

  private constructor(base: LlamaBase, clean: Session, makeAdapted: () => Promise<Session>) {
    this.base = base;
    this.#clean = clean;
    this.#makeAdapted = makeAdapted;
  }

  /** @param adapter the shape of those that will be on; none where nothing is denoised */
  static async create(
    base: LlamaBase,
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
  async encode(ids: readonly number[], owner: string): Promise<EncodedPrefix | undefined> {
    let prefix: EncodedPrefix | undefined;
    for (let start = 0; start < ids.length; start += pieceLength) {
      const beginning = ids.slice(0, start + pieceLength);
      const before = prefix;
      prefix = await this.#cache.getOrMake(beginning, owner, () => this.#append(before, beginning.slice(start)));
    }
    return prefix;
  }

  async #append(prefix: EncodedPrefix | undefined, fresh: readonly number[]): Promise<EncodedPrefix> {
    const start = prefix?.length ?? 0;
    const { layers } = this.base.shape;
    const outputs = await this.#pass(
      [
        {
          context: prefix,
          tokens: fresh,
          positions: fresh.map((_, i) => start + i),
          adapted: fresh.map(() => false),
          sees: (i, j) => j <= i,
          // The head takes no empty matrix.
          asked: [0],
        },
      ],
      undefined,
      Array.from({ length: layers }, (_, layer) => [`newKeys${layer}`, `newValues${layer}`]).flat(),
    );
    const kept = Array.from({ length: layers }, (_, layer) => ({
      keys: outputs[`newKeys${layer}`],
      values: outputs[`newValues${layer}`],
    }));
    return grown(prefix, kept, fresh.length, this.#heads);
  }

  get #heads() {
    const { groups, headWidth } = headShape(this.base.shape);
    return { groups, headWidth };
  }

  /** One pass; the logits [asked, vocabulary] of the rows asked about, lane after lane. */
  async run(
    lanes: readonly LaneRows[],
    denoised?: { readonly simplexes: Simplexes; readonly adapter: Readonly<Record<string, Feed>> },
  ): Promise<Float32Array> {
    const { logits } = await this.#pass(lanes, denoised, ['logits']);
    return logits;
  }

  /** @param only the graph's outputs that are wanted */
  async #pass(
    lanes: readonly LaneRows[],
    denoised: { readonly simplexes: Simplexes; readonly adapter: Readonly<Record<string, Feed>> } | undefined,
    only: readonly string[],
  ): Promise<Record<string, Float32Array>> {
    const { layers, vocabulary, heads } = this.base.shape;
    const { groups, headWidth } = this.#heads;
    const [{ positions }] = lanes;
    const rows = positions.length;
    const count = lanes.length;
    // A context of nothing is one column that nobody sees.
    const length = Math.max(1, ...lanes.map(({ context }) => context?.length ?? 0));
    const contextBias = new Float32Array(count * length);
    lanes.forEach(({ context }, lane) => {
      contextBias.fill(masked, lane * length + (context?.length ?? 0), (lane + 1) * length);
    });
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
      contextBias: { data: contextBias, shape: [count, 1, 1, 1, length] },
    };
    for (let layer = 0; layer < layers; layer++) {
      const stacked = (which: 'keys' | 'values', runs: number) =>
        stack(
          lanes.map(({ context }) => context?.layers[layer][which]),
          runs,
          which === 'keys' ? length : length * headWidth,
        );
      feeds[`keys${layer}`] = { data: stacked('keys', groups * headWidth), shape: [count, groups, headWidth, length] };
      feeds[`values${layer}`] = { data: stacked('values', groups), shape: [count, groups, length, headWidth] };
    }
    if (denoised) this.#adapted ??= this.#makeAdapted();
    const session = denoised ? await this.#adapted : this.#clean;
    return (session as Session).run(feeds, {}, only);
  }

  async release(): Promise<void> {
    await this.#turns.done();
    await this.#clean.release();
    await (await this.#adapted)?.release();
  }
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

/** Tensors of `runs` runs each, padded behind every run to `width`; one that is absent is all padding. */
function stack(parts: readonly (Float32Array | undefined)[], runs: number, width: number): Float32Array {
  const [only] = parts;
  if (parts.length === 1 && only?.length === runs * width) return only;
  const out = new Float32Array(parts.length * runs * width);
  parts.forEach((part, lane) => {
    if (!part) return;
    const own = part.length / runs;
    for (let run = 0; run < runs; run++)
      out.set(part.subarray(run * own, (run + 1) * own), (lane * runs + run) * width);
  });
  return out;
}
