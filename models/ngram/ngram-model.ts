import { readFile } from 'node:fs/promises';
import { writeAtomically } from '../files/atomic-write.ts';
import { decodeNgrams, encodeNgrams, highestOrder, NgramFileError, type NgramTrie } from './ngram-file.ts';
import { trainTrie } from './train-trie.ts';

export interface NgramOptions {
  /** Tokens that an n-gram spans at most, 1 to 8. */
  readonly order?: number;
  readonly vocabulary: number;
  /** What the model's file takes at most. In memory it is up to three times that. */
  readonly maxBytes?: number;
  /**
   * [vocabulary] positive probabilities for the mass that the documents leave to tokens they do not show, such as a large
   * model's unigram distribution; uniform when absent. The fewer the documents, the more mass that is.
   */
  readonly prior?: ArrayLike<number>;
}

export const ngramDefaults = { order: 5, maxBytes: 4 * 2 ** 20 };

/**
 * A next-token model made of a tenant's documents in seconds: interpolated modified Kneser-Ney, pruned to a size. The same
 * documents and options give the same file.
 */
export class NgramModel {
  readonly order: number;
  readonly vocabulary: number;
  readonly #trie: NgramTrie;
  readonly #logUnigram: Float32Array;
  readonly #sums: Float64Array;
  readonly #touched: Uint32Array;

  private constructor(trie: NgramTrie) {
    this.order = trie.levels.length + 1;
    this.vocabulary = trie.unigram.length;
    this.#trie = trie;
    this.#logUnigram = trie.unigram.map(Math.log);
    this.#sums = new Float64Array(this.vocabulary);
    this.#touched = new Uint32Array(this.vocabulary);
  }

  /**
   * @param tokenDocuments token ids below `vocabulary`; with an end-of-text token at the end, where documents' ends are to be
   * learnt
   * @throws RangeError when an option, a token or the prior is out of range, or `maxBytes` too few for the vocabulary alone
   */
  static train(
    tokenDocuments: Iterable<ArrayLike<number>>,
    { order = ngramDefaults.order, vocabulary, maxBytes = ngramDefaults.maxBytes, prior }: NgramOptions,
  ): NgramModel {
    const whole = (name: string, value: number, most: number) => {
      if (Number.isInteger(value) && value >= 1 && value <= most) return;
      throw new RangeError(`${name} is ${value}, expected a whole number from 1 to ${most}`);
    };
    whole('order', order, highestOrder);
    whole('vocabulary', vocabulary, 2 ** 32 - 2);
    const options = { order, vocabulary, maxBytes, prior: normalised(prior, vocabulary) };
    return new NgramModel(trainTrie(tokenDocuments, options));
  }

  /** @throws NgramFileError when the bytes are not what `encode` gives */
  static decode(bytes: Uint8Array): NgramModel {
    return new NgramModel(decodeNgrams(bytes));
  }

  /** @throws NgramFileError that names the file when it cannot be read or is damaged */
  static async load(path: string): Promise<NgramModel> {
    try {
      return NgramModel.decode(await readFile(path));
    } catch (cause) {
      const how = cause instanceof NgramFileError ? 'is no intact n-gram model' : 'cannot be read';
      throw new NgramFileError(`${path} ${how}: ${(cause as Error).message}`, { cause });
    }
  }

  /** What it takes in memory, about. */
  get bytes(): number {
    const { levels } = this.#trie;
    const entries = levels.reduce((sum, { words, starts }) => sum + 8 * words.length + starts.byteLength, 0);
    return entries + 20 * this.vocabulary;
  }

  encode(): Uint8Array {
    return encodeNgrams(this.#trie);
  }

  async save(path: string): Promise<void> {
    await writeAtomically(path, [this.encode()]);
  }

  /**
   * The natural logarithms of p(token | context) for every token, [vocabulary], into `out`; only the context's last
   * `order` - 1 tokens matter.
   *
   * @throws RangeError when `out` is of another size, or one of those tokens is outside the vocabulary
   */
  logProbabilities(context: readonly number[], out: Float32Array): void {
    const { unigram, levels } = this.#trie;
    if (out.length !== this.vocabulary) throw new RangeError(`out has ${out.length} of ${this.vocabulary} places`);
    const histories = this.#histories(context, context.length);
    const sums = this.#sums;
    const touched = this.#touched;
    // What the orders above leave to the one at hand.
    let [rest, count] = [1, 0];
    for (let n = levels.length - 1; n >= 0; n--) {
      if (histories[n] < 0) continue;
      const { words, shares, starts } = levels[n];
      let taken = 0;
      for (let i = starts[histories[n]]; i < starts[histories[n] + 1]; i++) {
        const word = words[i];
        if (sums[word] === 0) touched[count++] = word;
        sums[word] += rest * shares[i];
        taken += shares[i];
      }
      rest *= 1 - taken;
    }
    const logRest = Math.log(rest);
    for (let token = 0; token < out.length; token++) out[token] = this.#logUnigram[token] + logRest;
    for (let i = 0; i < count; i++) {
      const word = touched[i];
      out[word] = Math.log(sums[word] + rest * unigram[word]);
      sums[word] = 0;
    }
  }

  /**
   * The cross-entropy of each token of a text from `first` on given those before it, in nats: [length - first].
   *
   * @throws RangeError when a token is outside the vocabulary
   */
  losses(ids: readonly number[], first = 0): Float32Array {
    const losses = new Float32Array(Math.max(0, ids.length - first));
    for (let i = 0; i < losses.length; i++) losses[i] = -Math.log(this.#probability(ids, first + i));
    return losses;
  }

  #probability(ids: readonly number[], position: number): number {
    const { unigram, levels } = this.#trie;
    const token = this.#checked(ids[position]);
    const histories = this.#histories(ids, position);
    let [rest, sum] = [1, 0];
    for (let n = levels.length - 1; n >= 0; n--) {
      if (histories[n] < 0) continue;
      const { words, shares, starts } = levels[n];
      let taken = 0;
      for (let i = starts[histories[n]]; i < starts[histories[n] + 1]; i++) {
        if (words[i] === token) sum += rest * shares[i];
        taken += shares[i];
      }
      rest *= 1 - taken;
    }
    return sum + rest * unigram[token];
  }

  /** The node of the 1, 2 .. tokens before `end`, -1 where the model has none. */
  #histories(ids: readonly number[], end: number): number[] {
    const { levels } = this.#trie;
    return levels.map((_, n) => {
      const start = end - n - 1;
      if (start < 0) return -1;
      let node = this.#checked(ids[start]);
      for (let depth = 0; depth < n && node >= 0; depth++) {
        const { words, starts } = levels[depth];
        node = search(words, this.#checked(ids[start + depth + 1]), starts[node], starts[node + 1]);
      }
      return node;
    });
  }

  #checked(token: number): number {
    if (Number.isInteger(token) && token >= 0 && token < this.vocabulary) return token;
    throw new RangeError(`token ${token} is none of a vocabulary of ${this.vocabulary}`);
  }
}

/** Where a word lies in sorted[from .. to), or -1. */
function search(sorted: Uint32Array, word: number, from: number, to: number): number {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < word) low = middle + 1;
    else high = middle;
  }
  return low < to && sorted[low] === word ? low : -1;
}

function normalised(prior: ArrayLike<number> | undefined, vocabulary: number): Float64Array {
  if (!prior) return new Float64Array(vocabulary).fill(1 / vocabulary);
  if (prior.length !== vocabulary) throw new RangeError(`the prior has ${prior.length} of ${vocabulary} probabilities`);
  const probabilities = Float64Array.from(prior);
  const sum = probabilities.reduce((a, b) => a + b, 0);
  if (!probabilities.every((value) => value > 0) || Math.abs(sum - 1) > 0.01) {
    throw new RangeError(`the prior must be positive and sum to 1, it sums to ${sum}`);
  }
  return probabilities.map((value) => value / sum);
}
