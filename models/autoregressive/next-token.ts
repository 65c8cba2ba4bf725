import { type Model, ModelError } from '../checkpoint/model-directory.ts';
import { crossEntropy, Graph, logSoftmax } from '../graph/index.ts';
import { type RuntimeOptions, Session } from '../runtime/session.ts';
import type { AutoregressiveConfig } from '../ssd2/config.ts';
import { constantParameters } from '../ssd2/graphs.ts';
import { biasedHeads, causalMask } from '../ssd2/layout.ts';
import { encodeContext } from '../ssd2/network.ts';

type AutoregressiveModel = Model<AutoregressiveConfig>;

/** What a graph answers: the cost of given tokens, the distribution after every token, or after the last ones alone. */
type Question = 'losses' | 'all' | 'next';

/** Lengths are rounded up to a multiple of this, so that few graphs serve all; what follows a text cannot disturb it. */
const lengthStep = 50;

/** A loaded autoregressive model, asked for the distribution of next tokens or for what a text costs it. */
export class NextToken {
  readonly config: AutoregressiveConfig;
  readonly #model: AutoregressiveModel;
  readonly #runtime: RuntimeOptions | undefined;
  readonly #sessions = new Map<string, Promise<Session>>();

  constructor(model: AutoregressiveModel, runtime?: RuntimeOptions) {
    this.config = model.config;
    this.#model = model;
    this.#runtime = runtime;
  }

  /**
   * The cross-entropy of each token of a sequence given those before it, in nats: [length - 1], of the second token on.
   *
   * @throws ModelError when the sequence is longer than the model's positions
   */
  async losses(ids: readonly number[]): Promise<Float32Array> {
    const padded = this.#paddedLength(ids.length);
    const session = await this.#session('losses', 1, padded);
    const { tokens, positions } = rows([ids], padded);
    const targets = BigInt64Array.from({ length: padded }, (_, i) => BigInt(ids[i + 1] ?? 0));
    const { losses } = await session.run({ tokens, positions, targets });
    return losses.slice(0, ids.length - 1);
  }

  /** The log-probabilities of what comes next after each token of a sequence, [length, vocabulary]. */
  async allLogProbabilities(ids: readonly number[]): Promise<Float32Array> {
    const padded = this.#paddedLength(ids.length);
    const session = await this.#session('all', 1, padded);
    const { logits } = await session.run(rows([ids], padded));
    return logits.subarray(0, ids.length * this.config.vocabulary);
  }

  /** The log-probabilities of what comes next after each of some sequences, [vocabulary] each. */
  async nextLogProbabilities(sequences: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const longest = this.#paddedLength(Math.max(...sequences.map(({ length }) => length)));
    const session = await this.#session('next', sequences.length, longest);
    const last = BigInt64Array.from(sequences, ({ length }, i) => BigInt(i * longest + length - 1));
    const { logits } = await session.run({ ...rows(sequences, longest), last });
    const { vocabulary } = this.config;
    return sequences.map((_, i) => logits.subarray(i * vocabulary, (i + 1) * vocabulary));
  }

  #paddedLength(length: number): number {
    const { positions } = this.config;
    if (length > positions) {
      throw new ModelError(`${this.#model.name}: ${length} tokens, the model takes ${positions}`);
    }
    return Math.min(positions, Math.ceil(length / lengthStep) * lengthStep);
  }

  #session(kind: Question, sequences: number, length: number): Promise<Session> {
    const key = `${kind} ${sequences} ${length}`;
    const known = this.#sessions.get(key);
    if (known) return known;
    const made = Session.create(nextTokenGraph(this.#model, kind, sequences, length), this.#runtime);
    this.#sessions.set(key, made);
    return made;
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await (await session).release();
  }
}

function rows(sequences: readonly (readonly number[])[], length: number) {
  const tokens = new BigInt64Array(sequences.length * length);
  const positions = BigInt64Array.from(tokens, (_, i) => BigInt(i % length));
  sequences.forEach((ids, i) => {
    tokens.set(BigInt64Array.from(ids, BigInt), i * length);
  });
  return { tokens, positions };
}

/**
 * tokens, positions int64 [sequences * length] -> logits [sequences * length, vocabulary], normalised; with targets of the
 * same shape -> losses [sequences * length]; with last int64 [sequences], the rows that are asked about -> logits
 * [sequences, vocabulary].
 */
function nextTokenGraph(
  { config, weights }: AutoregressiveModel,
  kind: Question,
  sequences: number,
  length: number,
): Graph {
  const graph = new Graph(`next-token-${kind}`);
  const shape = [sequences * length];
  const { nextLogits } = encodeContext(config, constantParameters(graph, weights), {
    sequences,
    length,
    tokens: graph.input('tokens', shape, 'int64'),
    positions: graph.input('positions', shape, 'int64'),
    bias: graph.constant(causalMask(config, length), [1, biasedHeads(config), length, length], 'causalMask'),
  });
  if (kind === 'losses') graph.output('losses', crossEntropy(nextLogits(), graph.input('targets', shape, 'int64')));
  else if (kind === 'all') graph.output('logits', logSoftmax(nextLogits()));
  else graph.output('logits', logSoftmax(nextLogits(graph.input('last', [sequences], 'int64'))));
  return graph;
}
