/** The distinct n-grams of one order, sorted by their tokens: those that continue the same history lie side by side. */
export interface CountedNgrams {
  /** [entries]: the last token, ascending within a history. */
  readonly words: Uint32Array;
  /** [entries]: how often each occurs. */
  readonly counts: Uint32Array;
  /** [entries]: its first n - 1 tokens, as an entry of the order below; 0 at order 1. */
  readonly histories: Uint32Array;
  /** [entries]: its last n - 1 tokens, as an entry of the order below; 0 at order 1. */
  readonly suffixes: Uint32Array;
  /** [entries]: 1 for those that a document begins with. */
  readonly initial: Uint8Array;
}

/**
 * The n-grams of every order up to `order`, the first order first; none reaches over the end of a document. Positions
 * are sorted by the tokens that follow them, a counting sort for each of `order` offsets, so that the time is linear.
 *
 * @throws RangeError when a token is no whole number below `vocabulary`
 */
export function countNgrams(
  documents: Iterable<ArrayLike<number>>,
  order: number,
  vocabulary: number,
): CountedNgrams[] {
  const { tokens, starts } = concatenate(documents, order, vocabulary);
  const sorted = sortedPositions(tokens, order, vocabulary);
  const { lengths, shared } = compareNeighbours(tokens, sorted, order, vocabulary);
  const sizes = new Array<number>(order).fill(0);
  for (let i = 0; i < sorted.length; i++) for (let n = shared[i]; n < lengths[i]; n++) sizes[n]++;
  const levels = sizes.map((size) => ({
    words: new Uint32Array(size),
    counts: new Uint32Array(size),
    histories: new Uint32Array(size),
    suffixes: new Uint32Array(size),
    initial: new Uint8Array(size),
  }));
  // The entry that begins at a position, of each order but the last: what n-grams one token longer end in.
  const entryAt = sizes.slice(1).map(() => new Uint32Array(tokens.length));
  const current = new Array<number>(order).fill(-1);
  for (let i = 0; i < sorted.length; i++) {
    const position = sorted[i];
    for (let n = 0; n < lengths[i]; n++) {
      const level = levels[n];
      if (n >= shared[i]) {
        const entry = ++current[n];
        level.words[entry] = tokens[position + n];
        if (n > 0) {
          level.histories[entry] = current[n - 1];
          level.suffixes[entry] = position + 1;
        }
      }
      level.counts[current[n]]++;
      if (n < order - 1) entryAt[n][position] = current[n];
    }
  }
  for (let n = 1; n < order; n++) {
    const { suffixes } = levels[n];
    for (let i = 0; i < suffixes.length; i++) suffixes[i] = entryAt[n - 1][suffixes[i]];
  }
  for (const { start, length } of starts) {
    for (let n = 0; n < Math.min(order - 1, length); n++) levels[n].initial[entryAt[n][start]] = 1;
  }
  return levels;
}

/** Documents end to end, each closed by the token `vocabulary`, the last by enough that every n-gram may be read. */
function concatenate(documents: Iterable<ArrayLike<number>>, order: number, vocabulary: number) {
  let tokens = new Uint32Array(2 ** 16);
  let length = 0;
  const starts: { start: number; length: number }[] = [];
  for (const document of documents) {
    const needed = length + document.length + order;
    if (needed > tokens.length) {
      const larger = new Uint32Array(2 * needed);
      larger.set(tokens.subarray(0, length));
      tokens = larger;
    }
    starts.push({ start: length, length: document.length });
    for (let i = 0; i < document.length; i++) {
      const token = document[i];
      if (!(Number.isInteger(token) && token >= 0 && token < vocabulary)) {
        throw new RangeError(`token ${token} is none of a vocabulary of ${vocabulary}`);
      }
      tokens[length++] = token;
    }
    tokens[length++] = vocabulary;
  }
  tokens.fill(vocabulary, length, length + order);
  return { tokens: tokens.subarray(0, length + order), starts };
}

function sortedPositions(tokens: Uint32Array, order: number, vocabulary: number): Uint32Array {
  const count = tokens.reduce((sum, token) => sum + (token === vocabulary ? 0 : 1), 0);
  let sorted = new Uint32Array(count);
  let next = new Uint32Array(count);
  for (let position = 0, i = 0; i < count; position++) if (tokens[position] !== vocabulary) sorted[i++] = position;
  const places = new Uint32Array(vocabulary + 2);
  for (let offset = order - 1; offset >= 0; offset--) {
    places.fill(0);
    for (let i = 0; i < count; i++) places[tokens[sorted[i] + offset] + 1]++;
    for (let token = 1; token < places.length; token++) places[token] += places[token - 1];
    for (let i = 0; i < count; i++) next[places[tokens[sorted[i] + offset]]++] = sorted[i];
    [sorted, next] = [next, sorted];
  }
  return sorted;
}

/** How many of the tokens from each position, `order` at most, are of its document, and how many its predecessor shares. */
function compareNeighbours(tokens: Uint32Array, sorted: Uint32Array, order: number, vocabulary: number) {
  const lengths = new Uint8Array(sorted.length);
  const shared = new Uint8Array(sorted.length);
  for (let i = 0; i < sorted.length; i++) {
    const position = sorted[i];
    let length = 0;
    while (length < order && tokens[position + length] !== vocabulary) length++;
    lengths[i] = length;
    if (i === 0) continue;
    const before = sorted[i - 1];
    let same = 0;
    while (same < length && tokens[before + same] === tokens[position + same]) same++;
    shared[i] = same;
  }
  return { lengths, shared };
}
