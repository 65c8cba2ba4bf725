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

/** How much the text before the block, a private context included, counts beside the tenant's documents. */
const contextShare = 0.3;
/** Contexts whose own n-grams are kept. */
const keptContexts = 16;

/**
 * A tenant's n-gram model as a member of the ensemble. It denoises nothing: its denoiser is the unigram prior, and all that
 * it says is its draft, p(token | tokens before), of the documents it was made of and of the context it is given.
 */
export class NgramDenoiser {
  readonly name: string;
  readonly config: NgramConfig;
  readonly #model: NgramModel;
  readonly #contexts = new Map<string, NgramModel>();
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

  async denoise(
    lanes: readonly LaneStep[],
    kept: number,
  ): Promise<{ envelopes: LogitsEnvelope[]; timings: DenoiserTimings }> {
    lanes.forEach((lane, index) => {
      checkLane(this.config, lane, `lanes.${index}`);
    });
    const timings = { context: 0, noise: 0, model: 0, compress: 0 };
    const envelopes = lanes.map((lane) => {
      const started = performance.now();
      const own = this.#ownModel(lane.context);
      const counted = performance.now();
      const logits = this.#logits(lane, own);
      const modelled = performance.now();
      const envelope = compress(logits, this.config.vocabulary, kept);
      timings.context += counted - started;
      timings.model += modelled - counted;
      timings.compress += performance.now() - modelled;
      return envelope;
    });
    return { envelopes, timings };
  }

  #ownModel(context: readonly number[]): NgramModel {
    const key = context.join();
    const { vocabulary, order } = this.config;
    const model =
      this.#contexts.get(key) ?? NgramModel.train([context], { vocabulary, order, prior: this.#prior.map(Math.exp) });
    this.#contexts.delete(key);
    this.#contexts.set(key, model);
    for (const oldest of this.#contexts.keys()) {
      if (this.#contexts.size <= keptContexts) break;
      this.#contexts.delete(oldest);
    }
    return model;
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
