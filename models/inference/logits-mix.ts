import { type MixPart, mixGraph, mixParts } from '../network/mix-graph.ts';
import { type Feed, type RuntimeOptions, Session } from '../runtime/session.ts';
import type { sharesOf } from '../ssd2/form.ts';
import { Scratch } from './scratch.ts';

/** A model's sums, as form.ts has them. Each way in which parts count has a graph of its own, made when it is asked for. */
export class LogitsMix {
  readonly #vocabulary: number;
  readonly #prior: Float32Array;
  readonly #runtime: RuntimeOptions;
  readonly #sessions = new Map<string, Promise<Session>>();
  readonly #sums = new Scratch();

  /** @param prior log-probabilities [vocabulary] */
  constructor(prior: Float32Array, runtime: RuntimeOptions) {
    this.#vocabulary = prior.length;
    this.#prior = prior;
    this.#runtime = runtime;
  }

  /**
   * The sum of parts [rows, vocabulary] and the prior, by the shares of each row, in log-probabilities; it may be read until
   * the next call.
   *
   * @param parts of those that count
   */
  async sum(
    parts: Readonly<Partial<Record<MixPart, Float32Array>>>,
    shares: readonly ReturnType<typeof sharesOf>[],
  ): Promise<Float32Array> {
    const rows = shares.length;
    const feeds: Record<string, Feed> = {};
    const counts = new Map<MixPart, 'scaled' | 'whole'>();
    for (const name of mixParts) {
      if (shares.every((share) => share[name] === 0)) continue;
      const whole = name !== 'prior' && shares.every((share) => share[name] === 1);
      counts.set(name, whole ? 'whole' : 'scaled');
      const shape = name === 'prior' ? [this.#vocabulary] : [rows, this.#vocabulary];
      feeds[name] = { data: name === 'prior' ? this.#prior : (parts[name] as Float32Array), shape };
      if (!whole)
        feeds[`${name}.share`] = { data: Float32Array.from(shares, (share) => share[name]), shape: [rows, 1] };
    }
    const session = await this.#session(counts);
    const data = this.#sums.floats(rows * this.#vocabulary);
    await session.run(feeds, { logits: { data, shape: [rows, this.#vocabulary] } });
    return data;
  }

  #session(counts: ReadonlyMap<MixPart, 'scaled' | 'whole'>): Promise<Session> {
    const key = [...counts].flat().join(' ');
    const known = this.#sessions.get(key);
    if (known) return known;
    const made = Session.create(mixGraph(this.#vocabulary, counts), this.#runtime);
    this.#sessions.set(key, made);
    return made;
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await (await session).release();
  }
}
