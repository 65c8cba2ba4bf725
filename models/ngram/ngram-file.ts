import { createHash } from 'node:crypto';
import { BFloat16Array } from '../checkpoint/safetensors.ts';

/** An n-gram model as it is looked up: a trie whose nodes of depth n are n-grams, the first by token id. */
export interface NgramTrie {
  /** [vocabulary], sums to 1. */
  readonly unigram: Float32Array;
  /** Orders 2 and up. */
  readonly levels: readonly NgramLevel[];
}

export interface NgramLevel {
  /** [entries]: the last token, ascending within a history. */
  readonly words: Uint32Array;
  /** [entries]: bfloat16 values above 0; those of a history sum to less than 1. */
  readonly shares: Float32Array;
  /** [entries of the order below + 1]: where the followers of each begin. */
  readonly starts: Uint32Array;
}

/** Bytes that are no n-gram model, or a damaged one; the message says how. */
export class NgramFileError extends Error {
  override name = 'NgramFileError';
}

const magic = Buffer.from('ngrams\r\n');
const version = 1;
const digestBytes = 32;
export const highestOrder = 8;

type Whole = 1 | 2 | 4;
const arrays = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };

function widthFor(largest: number): Whole {
  return largest < 2 ** 8 ? 1 : largest < 2 ** 16 ? 2 : 4;
}

/** Bytes of the header: magic, version, order, vocabulary, and for each order above 1 its entries and its count's width. */
function headerBytes(order: number): number {
  return magic.length + 4 * 3 + 8 * (order - 1);
}

/**
 * The size of a model's file in bytes.
 *
 * @param levels of each order above 1
 */
export function fileBytes(
  vocabulary: number,
  levels: readonly { readonly entries: number; readonly entriesBelow: number; readonly mostFollowers: number }[],
): number {
  const body = levels.reduce(
    (sum, { entries, entriesBelow, mostFollowers }) =>
      sum + entries * (widthFor(vocabulary - 1) + 2) + entriesBelow * widthFor(mostFollowers),
    4 * vocabulary,
  );
  return headerBytes(levels.length + 1) + body + digestBytes;
}

/**
 * The header, the unigram probabilities as float32, then for each order above 1 how many followers each entry of the
 * order below has, the entries' tokens, and their shares as bfloat16; last the SHA-256 of all before it. Numbers are
 * little-endian and of the least width, 1, 2 or 4 bytes, that holds all of their kind.
 */
export function encodeNgrams({ unigram, levels }: NgramTrie): Uint8Array {
  const header = Buffer.alloc(headerBytes(levels.length + 1));
  magic.copy(header);
  let at = header.writeUInt32LE(version, magic.length);
  at = header.writeUInt32LE(levels.length + 1, at);
  at = header.writeUInt32LE(unigram.length, at);
  const chunks: Uint8Array[] = [header, bytesOf(unigram)];
  for (const { words, shares, starts } of levels) {
    const followers = starts.subarray(1).map((end, i) => end - starts[i]);
    const width = widthFor(followers.reduce((a, b) => Math.max(a, b), 0));
    at = header.writeUInt32LE(words.length, at);
    at = header.writeUInt32LE(width, at);
    chunks.push(
      bytesOf(arrays[width].from(followers)),
      bytesOf(arrays[widthFor(unigram.length - 1)].from(words)),
      bytesOf(BFloat16Array.from(shares).words),
    );
  }
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  chunks.push(hash.digest());
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, end);
    end += chunk.length;
  }
  return bytes;
}

function bytesOf(array: Uint8Array | Uint16Array | Uint32Array | Float32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** @throws NgramFileError; whatever the bytes, nothing larger than a few times their number is made of them */
export function decodeNgrams(bytes: Uint8Array): NgramTrie {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const least = headerBytes(1) + digestBytes;
  check(bytes.length >= least, `${bytes.length} bytes are too few, a file has ${least} at least`);
  check(magic.equals(bytes.subarray(0, magic.length)), 'it does not begin as an n-gram model does');
  let at = magic.length;
  const number = () => {
    at += 4;
    return view.getUint32(at - 4, true);
  };
  const found = number();
  check(found === version, `it is of version ${found}, this program reads version ${version}`);
  const [order, vocabulary] = [number(), number()];
  check(order >= 1 && order <= highestOrder, `it is of order ${order}, expected 1 to ${highestOrder}`);
  check(vocabulary >= 1, 'its vocabulary is empty');
  check(bytes.length >= headerBytes(order) + digestBytes, 'it is cut off inside its header');
  const heads = Array.from({ length: order - 1 }, () => ({ entries: number(), width: number() }));
  for (const { width } of heads) check(width === 1 || width === 2 || width === 4, `a width of ${width} bytes`);
  const wordWidth = widthFor(vocabulary - 1);
  let [size, below] = [headerBytes(order) + 4 * vocabulary + digestBytes, vocabulary];
  for (const { entries, width } of heads) {
    size += below * width + entries * (wordWidth + 2);
    below = entries;
  }
  check(size === bytes.length, `it has ${bytes.length} bytes, its header speaks of ${size}`);
  const body = bytes.subarray(0, bytes.length - digestBytes);
  const digest = createHash('sha256').update(body).digest();
  check(digest.equals(bytes.subarray(body.length)), 'its digest is not that of its content');

  const take = (count: number, width: Whole) => {
    // A copy, since a typed array must start at a multiple of its element's size; Buffer's own slice would not copy.
    const raw = Uint8Array.prototype.slice.call(bytes, at, at + count * width);
    at += raw.length;
    return raw.buffer as ArrayBuffer;
  };
  const whole = (count: number, width: Whole) => Uint32Array.from(new arrays[width](take(count, width)));
  const unigram = new Float32Array(take(vocabulary, 4));
  checkUnigram(unigram);
  let entriesBelow = vocabulary;
  const levels = heads.map(({ entries, width }, i) => {
    const followers = whole(entriesBelow, width as Whole);
    const words = whole(entries, wordWidth);
    const shares = new BFloat16Array(new Uint16Array(take(entries, 2))).toFloat32();
    const level = { words, shares, starts: startsOf(followers, entries, i + 2) };
    checkLevel(level, vocabulary, i + 2);
    entriesBelow = entries;
    return level;
  });
  return { unigram, levels };
}

function check(right: boolean, otherwise: string): asserts right {
  if (!right) throw new NgramFileError(otherwise);
}

function startsOf(followers: Uint32Array, entries: number, order: number): Uint32Array {
  const starts = new Uint32Array(followers.length + 1);
  let sum = 0;
  for (let i = 0; i < followers.length; i++) {
    sum += followers[i];
    starts[i + 1] = sum;
  }
  check(sum === entries, `order ${order} has ${entries} entries, its histories have ${sum}`);
  return starts;
}

function checkUnigram(unigram: Float32Array): void {
  let sum = 0;
  for (const probability of unigram) {
    check(probability > 0 && probability <= 1, `a unigram probability is ${probability}`);
    sum += probability;
  }
  check(Math.abs(sum - 1) < 1e-3, `the unigram probabilities sum to ${sum}`);
}

function checkLevel({ words, shares, starts }: NgramLevel, vocabulary: number, order: number): void {
  for (let history = 0; history + 1 < starts.length; history++) {
    let sum = 0;
    for (let i = starts[history]; i < starts[history + 1]; i++) {
      check(words[i] < vocabulary, `order ${order} has token ${words[i]} of a vocabulary of ${vocabulary}`);
      check(i === starts[history] || words[i] > words[i - 1], `order ${order} has tokens out of order`);
      check(shares[i] > 0 && shares[i] < 1, `order ${order} has a share of ${shares[i]}`);
      sum += shares[i];
    }
    check(sum < 1, `order ${order} has shares that sum to ${sum}`);
  }
}
