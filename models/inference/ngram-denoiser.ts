import { basename, join, resolve } from 'node:path';
import { loadRunnableBase } from '../checkpoint/adapter-directory.ts';
import { ModelError, modelFiles, parseConfigFile } from '../checkpoint/model-directory.ts';
import { draftMixGraph } from '../network/mix-graph.ts';
import { type NgramConfig, ngramFile, parseNgramConfig } from '../ngram/ngram-config.ts';
import { NgramModel } from '../ngram/ngram-model.ts';
import { type RuntimeOptions, Session } from '../runtime/session.ts';
import { compress, type LogitsEnvelope } from '../ssd2/envelope.ts';
import { publishedMix, sharesOf } from '../ssd2/form.ts';
import type { LaneStep } from '../ssd2/step.ts';
import { BaseReader } from './base-reader.ts';
import type { DenoiserTimings } from './denoiser.ts';
import { checkLane } from './lane-check.ts';
import { laneNoise, laneTimesteps } from './lane-noise.ts';
import { cacheBytes, TokenCache } from './token-cache.ts';

/** How much the tenant's documents count beside the n-grams of the given text, a private context included. */
const besideText = 0.7;
/** And beside the base, which reads that text itself. */
const besideBase = 0.35;

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

  private constructor(name: string, config: NgramConfig, model: NgramModel, mix: Session, reader?: BaseReader) {
    this.name = name;
    this.config = config;
    this.#model = model;
    this.#mix = mix;
    this.#reader = reader;
    this.#prior = new Float32Array(config.vocabulary);
    model.logProbabilities([], this.#prior);
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
    const reader = await BaseReader.create(base.network, config, runtime);
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
    const timings = { context: 0, noise: 0, model: 0, compress: 0 };
    const envelopes: LogitsEnvelope[] = [];
    for (const lane of lanes) {
      const started = performance.now();
      const logits = await this.#logits(lane, await this.#besideDocuments(lane, owner));
      const modelled = performance.now();
      envelopes.push(compress(logits, this.config.vocabulary, kept));
      timings.model += modelled - started;
      timings.compress += performance.now() - modelled;
    }
    return { envelopes, timings };
  }

  /** Logits [block, vocabulary] of what the documents' distribution is mixed with; none where there is no draft. */
  async #besideDocuments(lane: LaneStep, owner: string): Promise<Float32Array | undefined> {
    if (!lane.form || lane.form.draft === 0) return undefined;
    if (this.#reader) return this.#reader.logits(lane, owner);
    const { vocabulary, order, block } = this.config;
    const given = lane.context.slice(0, lane.given);
    const own = await this.#contexts.getOrMake(given, owner, () =>
      NgramModel.train([given], { vocabulary, order, prior: this.#prior.map(Math.exp) }),
    );
    const logits = new Float32Array(block * vocabulary);
    this.#eachPosition(lane, (text, position) => {
      own.logProbabilities(text, logits.subarray(position * vocabulary, (position + 1) * vocabulary));
    });
    return logits;
  }

  /** The text before each position, so far as it is drafted. */
  #eachPosition({ context, tokens }: LaneStep, visit: (text: readonly number[], position: number) => void): void {
    // An n-gram looks no further back.
    const text = context.slice(-this.config.order);
    for (let position = 0; position < this.config.block; position++) {
      visit(text, position);
      text.push(tokens?.[position][0] ?? this.config.endOfText);
    }
  }

  /** Log-probabilities [block, vocabulary]. */
  async #logits(lane: LaneStep, reader: Float32Array | undefined): Promise<Float32Array> {
    const { block, vocabulary } = this.config;
    const { tokens, form = publishedMix } = lane;
    const column = () => new Float32Array(block);
    const shares = { draft: column(), prior: column(), evidence: column() };
    const [documents, evidence] = [new Float32Array(block * vocabulary), new Float32Array(block * vocabulary)];
    const timesteps = laneTimesteps(lane, block);
    this.#eachPosition(lane, (text, position) => {
      const row = (data: Float32Array) => data.subarray(position * vocabulary, (position + 1) * vocabulary);
      // Its denoiser is the prior.
      const counts = sharesOf({ ...form, denoiser: 0 }, tokens !== null || position === 0);
      for (const name of ['draft', 'prior', 'evidence'] as const) shares[name][position] = counts[name];
      if (counts.draft > 0) this.#model.logProbabilities(text, row(documents));
      if (counts.evidence > 0) laneNoise(lane, position, timesteps[position], row(evidence));
    });
    const wide = (data: Float32Array) => ({ data, shape: [block, vocabulary] });
    const narrow = (data: Float32Array) => ({ data, shape: [block, 1] });
    const { logits } = await this.#mix.run({
      documents: wide(documents),
      'documents.share': narrow(column().fill(this.#reader ? besideBase : besideText)),
      reader: wide(reader ?? evidence),
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
