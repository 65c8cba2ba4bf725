import { basename, join } from 'node:path';
import { modelFiles, parseConfigFile } from '../checkpoint/model-directory.ts';
import { type NgramConfig, ngramFile, parseNgramConfig } from '../ngram/ngram-config.ts';
import { NgramModel } from '../ngram/ngram-model.ts';
import { compress, type LogitsEnvelope } from '../ssd2/envelope.ts';
import { publishedMix, sharesOf } from '../ssd2/form.ts';
import type { LaneStep } from '../ssd2/step.ts';
import type { DenoiserTimings } from './denoiser.ts';
import { checkLane } from './lane-check.ts';
import { laneNoise, laneTimesteps } from './lane-noise.ts';
import { cacheBytes, TokenCache } from './token-cache.ts';

/** How much the text before the block, a private context included, counts beside the tenant's documents. */
const contextShare = 0.3;

/**
 * A tenant's n-gram model as a member of the ensemble. It denoises nothing: its denoiser is the unigram prior, and all that
 * it says is its draft, p(token | tokens before), of the documents it was made of and of the context it is given.
 */
export class NgramDenoiser {
  readonly name: string;
  readonly config: NgramConfig;
  readonly #model: NgramModel;
  readonly #contexts = new TokenCache<NgramModel>(cacheBytes);
  readonly #prior: Float32Array;

  constructor(name: string, config: NgramConfig, model: NgramModel) {
    this.name = name;
    this.config = config;
    this.#model = model;
    this.#prior = new Float32Array(config.vocabulary);
    model.logProbabilities([], this.#prior);
  }

  /** @throws Error naming the file that is missing or damaged */
  static async load(directory: string): Promise<NgramDenoiser> {
    const config = await parseConfigFile(directory, parseNgramConfig);
    const model = await NgramModel.load(join(directory, ngramFile));
    if (model.vocabulary !== config.vocabulary || model.order !== config.order) {
      const is = `order ${model.order} and ${model.vocabulary} tokens`;
      throw new Error(`${join(directory, ngramFile)} is of ${is}, ${modelFiles.config} says otherwise`);
    }
    return new NgramDenoiser(basename(directory), config, model);
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
      const own = await this.#ownModel(lane.context, owner);
      const counted = performance.now();
      const logits = this.#logits(lane, own);
      const modelled = performance.now();
      const envelope = compress(logits, this.config.vocabulary, kept);
      timings.context += counted - started;
      timings.model += modelled - counted;
      timings.compress += performance.now() - modelled;
      envelopes.push(envelope);
    }
    return { envelopes, timings };
  }

  #ownModel(context: readonly number[], owner: string): Promise<NgramModel> {
    const { vocabulary, order } = this.config;
    const prior = () => this.#prior.map(Math.exp);
    return this.#contexts.getOrMake(context, owner, () =>
      NgramModel.train([context], { vocabulary, order, prior: prior() }),
    );
  }

  /** Log-probabilities [block, vocabulary]. */
  #logits(lane: LaneStep, own: NgramModel): Float32Array {
    const { block, vocabulary } = this.config;
    const { context, tokens, form = publishedMix } = lane;
    const logits = new Float32Array(block * vocabulary);
    const [documents, noise] = [new Float32Array(vocabulary), new Float32Array(vocabulary)];
    const timesteps = laneTimesteps(lane, block);
    const text = [...context];
    for (let position = 0; position < block; position++) {
      const row = logits.subarray(position * vocabulary, (position + 1) * vocabulary);
      // Its denoiser is the prior.
      const shares = sharesOf({ ...form, denoiser: 0 }, tokens !== null || position === 0);
      if (shares.draft > 0) {
        this.#model.logProbabilities(text, documents);
        own.logProbabilities(text, row);
        for (let v = 0; v < vocabulary; v++) {
          row[v] = Math.log((1 - contextShare) * Math.exp(documents[v]) + contextShare * Math.exp(row[v]));
        }
      }
      for (let v = 0; v < vocabulary; v++) row[v] = shares.draft * row[v] + shares.prior * this.#prior[v];
      if (shares.evidence > 0) {
        laneNoise(lane, position, timesteps[position], noise);
        for (let v = 0; v < vocabulary; v++) row[v] += shares.evidence * noise[v];
      }
      normalise(row);
      text.push(tokens?.[position][0] ?? this.config.endOfText);
    }
    return logits;
  }

  async release(): Promise<void> {}
}

/** Shifts logits so that their exponentials sum to 1. */
function normalise(row: Float32Array): void {
  let max = Number.NEGATIVE_INFINITY;
  for (let v = 0; v < row.length; v++) if (row[v] > max) max = row[v];
  let sum = 0;
  for (let v = 0; v < row.length; v++) sum += Math.exp(row[v] - max);
  const shift = max + Math.log(sum);
  for (let v = 0; v < row.length; v++) row[v] -= shift;
}
