import { basename, join, resolve } from 'node:path';
import { loadRunnableBase } from '../checkpoint/adapter-directory.ts';
import { ModelError, modelFiles, parseConfigFile } from '../checkpoint/model-directory.ts';
import { loadCorrected } from '../checkpoint/tuned-directory.ts';
import { draftMixGraph } from '../network/mix-graph.ts';
import { type NgramConfig, ngramFile, parseNgramConfig } from '../ngram/ngram-config.ts';
import { NgramModel } from '../ngram/ngram-model.ts';
import { type RuntimeOptions, Session } from '../runtime/session.ts';
import { compress, type LogitsEnvelope } from '../ssd2/envelope.ts';
import { publishedMix, sharesOf } from '../ssd2/form.ts';
import type { LaneStep } from '../ssd2/step.ts';
import { BaseReader } from './base-reader.ts';
import type { DenoiserTimings } from './denoiser.ts';
import type { KeptPiece } from './kept-piece.ts';
import { checkLane } from './lane-check.ts';
import { laneNoise, laneTimesteps } from './lane-noise.ts';
import { type Due, LeftToRight, runApart } from './left-to-right.ts';
import { ownerOfLane } from './owned-lane.ts';
import { cacheBytes, TokenCache } from './token-cache.ts';

/** How much the tenant's documents count beside the n-grams of the given text, a private context included. */
const besideText = 0.7;
/** And beside the base, which reads that text itself. */
const besideBase = 0.35;

/** What is kept of a token without a reader. */
const nothing: KeptPiece = { length: 1, layers: [], bytes: 0 };

/** A position that is asked about, and what stands before it. */
interface Row {
  readonly lane: LaneStep;
  readonly position: number;
  readonly text: readonly number[];
  readonly drafted: boolean;
}

/**
 * A tenant's n-gram model as a member of the ensemble. It denoises nothing: its denoiser is the unigram prior, and all that
 * it says is its draft, p(token | tokens before): of the documents it was made of, mixed with what its base says after
 * the text it is given or, without a base that reads, with that text's own n-grams; not with those of what was generated
 * from it, which would be said again and again.
 */
export class NgramDenoiser {
  readonly name: string;
  readonly config: NgramConfig;
  readonly #model: NgramModel;
  readonly #mix: Session;
  readonly #reader: BaseReader | undefined;
  readonly #contexts = new TokenCache<NgramModel>(cacheBytes);
  readonly #prior: Float32Array;
  readonly #leftToRight: LeftToRight<KeptPiece>;

  private constructor(name: string, config: NgramConfig, model: NgramModel, mix: Session, reader?: BaseReader) {
    this.name = name;
    this.config = config;
    this.#model = model;
    this.#mix = mix;
    this.#reader = reader;
    this.#prior = new Float32Array(config.vocabulary);
    model.logProbabilities([], this.#prior);
    this.#leftToRight = new LeftToRight<KeptPiece>(config, {
      memoryBytes: reader?.tokenBytes ?? 0,
      next: (due, owner) => this.#next(due, owner),
      unasked: (lane) => this.#mixed([{ lane, position: 0, text: [], drafted: false }], undefined),
    });
  }

  static async create(
    name: string,
    config: NgramConfig,
    model: NgramModel,
    { reader, runtime }: { readonly reader?: BaseReader; readonly runtime?: RuntimeOptions } = {},
  ): Promise<NgramDenoiser> {
    const mix = await Session.create(draftMixGraph(config.vocabulary), runtime);
    return new NgramDenoiser(name, config, model, mix, reader);
  }

  /** @throws Error naming the file that is missing or damaged, or a base that is another */
  static async load(directory: string, runtime?: RuntimeOptions): Promise<NgramDenoiser> {
    const config = await parseConfigFile(directory, parseNgramConfig);
    const model = await NgramModel.load(join(directory, ngramFile));
    if (model.vocabulary !== config.vocabulary || model.order !== config.order) {
      const is = `order ${model.order} and ${model.vocabulary} tokens`;
      throw new Error(`${join(directory, ngramFile)} is of ${is}, ${modelFiles.config} says otherwise`);
    }
    const given = { ...(runtime ? { runtime } : {}) };
    if (config.baseDigest === undefined) return NgramDenoiser.create(basename(directory), config, model, given);
    const base = await loadRunnableBase(resolve(directory, config.base), runtime?.provider);
    if (base.digest !== config.baseDigest) {
      throw new ModelError(
        `${directory}: it reads by another base than ${config.base}, whose digest is ${base.digest}`,
      );
    }
    const { correction } = config;
    const network = correction ? await loadCorrected(directory, base.network, correction) : base.network;
    const reader = await BaseReader.create(network, config, runtime);
    return NgramDenoiser.create(basename(directory), config, model, { ...given, reader });
  }

  /**
   * One denoise step of each lane.
   *
   * @param kept entries a position that the answers keep
   * @param owner whose the lanes are, in any words: what is kept of their contexts serves nobody else
   * @throws LaneError when a lane does not fit the model
   */
  async denoise(
    lanes: readonly LaneStep[],
    kept: number,
    owner = '',
  ): Promise<{ envelopes: LogitsEnvelope[]; timings: DenoiserTimings }> {
    lanes.forEach((lane, index) => {
      checkLane(this.config, lane, `lanes.${index}`);
    });
    return runApart(
      lanes,
      (lane) => this.#leftToRight.answers(lane),
      (some) => this.#leftToRight.run(some, kept, owner),
      (some) => this.#run(some, kept, owner),
    );
  }

  async #run(lanes: readonly LaneStep[], kept: number, owner: string) {
    const timings = { context: 0, noise: 0, model: 0, compress: 0 };
    const envelopes: LogitsEnvelope[] = [];
    for (const lane of lanes) {
      const started = performance.now();
      const rows = this.#rowsOf(lane);
      const drafts = (lane.form?.draft ?? 0) > 0;
      const reader = drafts ? await this.#reader?.logits(lane, ownerOfLane(lane, owner)) : undefined;
      const logits = await this.#mixed(rows, reader ?? (drafts ? await this.#besideText(rows, owner) : undefined));
      const modelled = performance.now();
      envelopes.push(compress(logits, this.config.vocabulary, kept));
      timings.model += modelled - started;
      timings.compress += performance.now() - modelled;
    }
    return { envelopes, timings };
  }

  /** One position of each lane. */
  async #next(due: readonly Due<KeptPiece>[], owner: string) {
    const rows = due.map(
      ({ lane, position }): Row => ({ lane, position, text: this.#textBefore(lane, position), drafted: true }),
    );
    const read = await this.#reader?.next(due, owner);
    const mixed = await this.#mixed(rows, read?.logits ?? (await this.#besideText(rows, owner)));
    return { rows: mixed, memories: read?.kept ?? due.map(() => nothing) };
  }

  /** Without a reader: what the n-grams of the text that was given say, as logits [rows, vocabulary]. */
  async #besideText(rows: readonly Row[], owner: string): Promise<Float32Array> {
    const { vocabulary, order } = this.config;
    const logits = new Float32Array(rows.length * vocabulary);
    for (const [row, { lane, text }] of rows.entries()) {
      const given = lane.context.slice(0, lane.given);
      const own = await this.#contexts.getOrMake(given, ownerOfLane(lane, owner), () =>
        NgramModel.train([given], { vocabulary, order, prior: this.#prior.map(Math.exp) }),
      );
      own.logProbabilities(text, logits.subarray(row * vocabulary, (row + 1) * vocabulary));
    }
    return logits;
  }

  #rowsOf(lane: LaneStep): Row[] {
    return Array.from({ length: this.config.block }, (_, position) => {
      const drafted = lane.tokens !== null || position === 0;
      return { lane, position, text: this.#textBefore(lane, position), drafted };
    });
  }

  /** What an n-gram sees of the text before a position, so far as it is drafted. */
  #textBefore({ context, tokens }: LaneStep, position: number): number[] {
    const { order, endOfText } = this.config;
    const drafted = Array.from({ length: position }, (_, i) => tokens?.[i][0] ?? endOfText);
    return [...context.slice(-order), ...drafted];
  }

  /** Log-probabilities [rows, vocabulary]. @param beside logits of what the documents' distribution is mixed with */
  async #mixed(rows: readonly Row[], beside: Float32Array | undefined): Promise<Float32Array> {
    const { block, vocabulary } = this.config;
    const column = () => new Float32Array(rows.length);
    const shares = { draft: column(), prior: column(), evidence: column() };
    const size = rows.length * vocabulary;
    const [documents, evidence] = [new Float32Array(size), new Float32Array(size)];
    rows.forEach(({ lane, position, text, drafted }, index) => {
      const row = (data: Float32Array) => data.subarray(index * vocabulary, (index + 1) * vocabulary);
      // Its denoiser is the prior.
      const counts = sharesOf({ ...(lane.form ?? publishedMix), denoiser: 0 }, drafted);
      for (const name of ['draft', 'prior', 'evidence'] as const) shares[name][index] = counts[name];
      if (counts.draft > 0) this.#model.logProbabilities(text, row(documents));
      if (counts.evidence > 0) laneNoise(lane, position, laneTimesteps(lane, block)[position], row(evidence));
    });
    const wide = (data: Float32Array) => ({ data, shape: [rows.length, vocabulary] });
    const narrow = (data: Float32Array) => ({ data, shape: [rows.length, 1] });
    const { logits } = await this.#mix.run({
      documents: wide(documents),
      'documents.share': narrow(column().fill(this.#reader ? besideBase : besideText)),
      reader: wide(beside ?? evidence),
      evidence: wide(evidence),
      prior: this.#prior,
      ...Object.fromEntries(Object.entries(shares).map(([name, data]) => [`${name}.share`, narrow(data)])),
    });
    return logits;
  }

  async release(): Promise<void> {
    await this.#mix.release();
    await this.#reader?.release();
  }
}
