import { uniform } from '../ssd2/noise.ts';
import type { TokenSequence } from './token-store.ts';
import type { Corpus } from './tokenize.ts';

/** A stretch of text on the grid of blocks that a context and its noised continuation stand on. */
export interface GridSequence {
  /** [(blocks + 1) * block]; what stands before `pad` or after `end` means nothing. */
  readonly tokens: Uint16Array;
  readonly pad: number;
  /** Tokens from `first` up to `end` are to be learnt. */
  readonly first: number;
  readonly end: number;
}

/** The grid's size. */
export interface GridShape {
  readonly block: number;
  readonly blocks: number;
}

/** Sequences by number: sequence n is a pure function of the corpus, the seed and n, so that a resumed run sees them again. */
export interface SequenceSource {
  /** Sequences an epoch; within one none is drawn twice. */
  readonly length: number;
  sequence(n: number): GridSequence;
}

/**
 * Streams of random numbers that training and evaluation draw from, apart from each other and from generation's lanes,
 * which are small numbers. Weights are drawn from the first of those, before there is any generation.
 */
export const noiseLanes = {
  ...{ weights: 0, order: 2 ** 31, batch: 2 ** 31 + 1, noise: 2 ** 31 + 2, shift: 2 ** 31 + 3 },
  mix: 2 ** 31 + 4,
  bootstrap: 2 ** 31 + 16,
};

export function sequenceSource(corpus: Corpus, shape: GridShape, seed: number, endOfText: number): SequenceSource {
  return corpus.responses
    ? new ResponseSource(corpus.tokens, corpus.responses, shape, seed, endOfText)
    : new WindowSource(corpus.tokens, shape, seed);
}

/** Sequences of one source, but with a probability of `share` of another. */
export function mixedSource(
  source: SequenceSource,
  { other, share, seed }: { readonly other: SequenceSource; readonly share: number; readonly seed: number },
): SequenceSource {
  const isOther = (step: number) => uniform({ seed, lane: noiseLanes.mix, block: 0, step, position: 0 }) < share;
  return { length: source.length, sequence: (n) => (isOther(n) ? other : source).sequence(n) };
}

/** Numbers below `count` in an order of each epoch's own. */
class Shuffle {
  readonly #count: number;
  readonly #seed: number;
  #order: { epoch: number; numbers: Uint32Array } | undefined;

  constructor(count: number, seed: number) {
    this.#count = count;
    this.#seed = seed;
  }

  at(n: number): number {
    const epoch = Math.floor(n / this.#count);
    if (this.#order?.epoch !== epoch) this.#order = { epoch, numbers: this.#shuffled(epoch) };
    return this.#order.numbers[n % this.#count];
  }

  #shuffled(epoch: number): Uint32Array {
    const numbers = Uint32Array.from({ length: this.#count }, (_, i) => i);
    for (let i = numbers.length - 1; i > 0; i--) {
      const address = { seed: this.#seed, lane: noiseLanes.order, block: 0, step: epoch, position: i };
      const j = Math.floor(uniform(address) * (i + 1));
      [numbers[i], numbers[j]] = [numbers[j], numbers[i]];
    }
    return numbers;
  }
}

/** Running text: windows anywhere in it, their context's remainder of 1 to `block` tokens. */
class WindowSource implements SequenceSource {
  readonly length: number;
  readonly #tokens: TokenSequence;
  readonly #shape: GridShape;
  readonly #seed: number;
  readonly #shuffle: Shuffle;

  constructor(tokens: TokenSequence, shape: GridShape, seed: number) {
    const window = (shape.blocks + 1) * shape.block;
    this.length = Math.floor(tokens.length / window) - 1;
    if (this.length < 1) {
      throw new RangeError(`${tokens.length} tokens are too few: a sequence takes ${window}, twice over`);
    }
    this.#tokens = tokens;
    this.#shape = shape;
    this.#seed = seed;
    this.#shuffle = new Shuffle(this.length, seed);
  }

  sequence(n: number): GridSequence {
    const { block, blocks } = this.#shape;
    const window = (blocks + 1) * block;
    const draw = (position: number) =>
      uniform({ seed: this.#seed, lane: noiseLanes.shift, block: 0, step: n, position });
    const pad = block - 1 - Math.floor(draw(0) * block);
    const start = this.#shuffle.at(n) * window + Math.floor(draw(1) * window);
    const tokens = new Uint16Array(window);
    tokens.set(this.#tokens.slice(start, start + window - pad), pad);
    return { tokens, pad, first: pad, end: window };
  }
}

/** Instructions: a prompt as context, and its response, which begins a block and alone is learnt. */
class ResponseSource implements SequenceSource {
  readonly length: number;
  readonly #tokens: TokenSequence;
  readonly #bounds: Uint32Array;
  readonly #shape: GridShape;
  readonly #endOfText: number;
  readonly #shuffle: Shuffle;
  readonly #fitting: Uint32Array;

  constructor(tokens: TokenSequence, bounds: Uint32Array, shape: GridShape, seed: number, endOfText: number) {
    this.#tokens = tokens;
    this.#bounds = bounds;
    this.#shape = shape;
    this.#endOfText = endOfText;
    // A prompt that leaves no block for the response teaches nothing.
    const longest = shape.blocks * shape.block;
    this.#fitting = Uint32Array.from({ length: bounds.length / 2 }, (_, i) => i).filter(
      (i) => bounds[2 * i + 1] - bounds[2 * i] <= longest,
    );
    this.length = this.#fitting.length;
    if (this.length === 0) throw new RangeError(`no instruction is at most ${longest} tokens long`);
    this.#shuffle = new Shuffle(this.length, seed);
  }

  sequence(n: number): GridSequence {
    const { block, blocks } = this.#shape;
    const row = this.#fitting[this.#shuffle.at(n)];
    const [start, response] = this.#bounds.subarray(2 * row, 2 * row + 2);
    const stop = this.#bounds[2 * row + 2] ?? this.#tokens.length;
    const length = (blocks + 1) * block;
    const pad = (block - ((response - start) % block)) % block;
    const tokens = new Uint16Array(length).fill(this.#endOfText);
    const text = this.#tokens.slice(start, Math.min(stop, start + length - pad));
    tokens.set(text, pad);
    const end = Math.min(length, Math.ceil((pad + text.length) / block) * block);
    // The last block's rest is end-of-text, which is what a model should fill it with.
    return { tokens, pad, first: pad + response - start, end };
  }
}
