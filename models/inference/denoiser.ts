import { type Model, ModelError } from '../checkpoint/model-directory.ts';
import { type RuntimeOptions, Session } from '../runtime/session.ts';
import type { DiffusionConfig } from '../ssd2/config.ts';
import { compressEach, expand, type LogitsEnvelope } from '../ssd2/envelope.ts';
import { contextEncoderGraph, denoiserGraph } from '../ssd2/graphs.ts';
import { attentionScores, biasedHeads, biasedRows, contextMask, padding } from '../ssd2/layout.ts';
import { timestepOf } from '../ssd2/schedule.ts';
import { noiseSimplex } from '../ssd2/simplex.ts';
import type { LaneStep } from '../ssd2/step.ts';
import { type EncodedContext, stackContexts } from './encoded-context.ts';
import { checkLane } from './lane-check.ts';
import { ownerOfLane } from './owned-lane.ts';
import { cacheBytes, TokenCache } from './token-cache.ts';
import { Turns } from './turns.ts';

/** Milliseconds a call spent by part. */
export interface DenoiserTimings {
  readonly noise: number;
  readonly context: number;
  readonly model: number;
  readonly compress: number;
}

export function sumTimings(all: readonly DenoiserTimings[]): DenoiserTimings {
  const sum = (part: keyof DenoiserTimings) => all.reduce((total, timings) => total + timings[part], 0);
  return { context: sum('context'), noise: sum('noise'), model: sum('model'), compress: sum('compress') };
}

interface KeptContext {
  readonly encoded: EncodedContext;
  readonly bytes: number;
}

/** A loaded model that answers denoise steps. */
export class Denoiser {
  readonly name: string;
  readonly config: DiffusionConfig;
  readonly #encoder: Session;
  readonly #denoiser: Session;
  readonly #contexts = new TokenCache<KeptContext>(cacheBytes);
  /** Work buffers are shared, so calls take turns. */
  readonly #turns = new Turns();
  #x = new Float32Array(0);
  #previous = new Float32Array(0);

  private constructor(name: string, config: DiffusionConfig, encoder: Session, denoiser: Session) {
    this.name = name;
    this.config = config;
    this.#encoder = encoder;
    this.#denoiser = denoiser;
  }

  /** @throws ModelError for SSD-LM's layout, whose context depends on the noised block and cannot be kept */
  static async create({ name, config, weights }: Model, runtime?: RuntimeOptions): Promise<Denoiser> {
    if (config.contextMask === 'full') throw new ModelError(`${name}: models of context_mask full are not served`);
    const encoder = await Session.create(contextEncoderGraph(config, weights), runtime);
    const denoiser = await Session.create(denoiserGraph(config, weights), runtime);
    return new Denoiser(name, config, encoder, denoiser);
  }

  /**
   * One denoise step of each lane.
   *
   * @param kept entries a position that the answers keep
   * @param owner whose the lanes are, in any words: what is kept of their contexts serves nobody else
   * @throws LaneError when a lane does not fit the model
   */
  denoise(
    lanes: readonly LaneStep[],
    kept: number,
    owner = '',
  ): Promise<{ envelopes: LogitsEnvelope[]; timings: DenoiserTimings }> {
    lanes.forEach((lane, index) => {
      checkLane(this.config, lane, `lanes.${index}`);
    });
    return this.#turns.take(() => this.#run(lanes, kept, owner), owner);
  }

  async #run(lanes: readonly LaneStep[], kept: number, owner: string) {
    const started = performance.now();
    const contexts: EncodedContext[] = [];
    for (const lane of lanes) {
      const { context } = lane;
      const { encoded } = await this.#contexts.getOrMake(context, ownerOfLane(lane, owner), () =>
        this.#encode(context),
      );
      contexts.push(encoded);
    }
    const encoded = performance.now();
    const inputs = this.#inputs(lanes);
    const noised = performance.now();
    const length = Math.max(...lanes.map(({ context }) => context.length));
    const { logits } = await this.#denoiser.run({ ...inputs, ...stackContexts(contexts, length) });
    const modelled = performance.now();
    const envelopes = compressEach(logits, lanes.length, this.config.vocabulary, kept);
    const timings = {
      context: encoded - started,
      noise: noised - encoded,
      model: modelled - noised,
      compress: performance.now() - modelled,
    };
    return { envelopes, timings };
  }

  #inputs(lanes: readonly LaneStep[]) {
    const { block, vocabulary, simplex } = this.config;
    const rows = lanes.length * block;
    const length = Math.max(...lanes.map(({ context }) => context.length));
    if (this.#x.length !== rows * vocabulary) {
      this.#x = new Float32Array(rows * vocabulary);
      this.#previous = new Float32Array(rows * vocabulary);
    }
    const conditioned = new Float32Array(rows);
    const timesteps = new Float32Array(rows);
    const positions = new BigInt64Array(rows);
    const heads = biasedHeads(this.config);
    const biasRows = biasedRows(this.config);
    const bias = new Float32Array(lanes.length * heads * biasRows * length);
    lanes.forEach(({ context, tokens, previous, step, steps, ...address }, lane) => {
      const first = lane * block;
      const t = timestepOf(step, steps);
      // A shorter context stands behind as many columns that are not its own.
      const shift = length - context.length;
      const scores = attentionScores(this.config, [biasRows, length], length, (_, column) => column >= shift);
      bias.set(scores, lane * scores.length);
      timesteps.fill(t, first, first + block);
      const previousRows = this.#previous.subarray(first * vocabulary, (first + block) * vocabulary);
      if (previous) {
        expand(previous, previousRows);
        conditioned.fill(1, first, first + block);
      } else previousRows.fill(0);
      for (let position = 0; position < block; position++) {
        const row = first + position;
        positions[row] = BigInt(context.length + position);
        const out = this.#x.subarray(row * vocabulary, (row + 1) * vocabulary);
        noiseSimplex(tokens?.[position] ?? [], t, simplex, { ...address, step, position }, out);
      }
    });
    return {
      x: { data: this.#x, shape: [rows, vocabulary] },
      previous: { data: this.#previous, shape: [rows, vocabulary] },
      conditioned: { data: conditioned, shape: [rows, 1] },
      timesteps: { data: timesteps, shape: [rows, 1] },
      positions: { data: positions, shape: [rows] },
      bias: { data: bias, shape: [lanes.length, heads, biasRows, length] },
    };
  }

  async #encode(ids: readonly number[]): Promise<KeptContext> {
    const { heads, width, layers } = this.config;
    const length = ids.length;
    const outputs = await this.#encoder.run({
      tokens: { data: BigInt64Array.from(ids, BigInt), shape: [length] },
      positions: { data: BigInt64Array.from(ids, (_, i) => BigInt(i)), shape: [length] },
      bias: {
        data: contextMask(this.config, length, padding(this.config, length)),
        shape: [1, biasedHeads(this.config), length, length],
      },
    });
    const perHead = width / heads;
    const entries = Array.from({ length: layers }, (_, layer) => [
      [`keys${layer}`, { data: outputs[`keys${layer}`], shape: [1, heads, perHead, length] }] as const,
      [`values${layer}`, { data: outputs[`values${layer}`], shape: [1, heads, length, perHead] }] as const,
    ]);
    const bytes = Object.values(outputs).reduce((sum, { byteLength }) => sum + byteLength, 0);
    return { encoded: Object.fromEntries(entries.flat()), bytes };
  }

  async release(): Promise<void> {
    await this.#turns.done();
    await Promise.all([this.#encoder.release(), this.#denoiser.release()]);
  }
}
