import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { ImportError } from './import-error.ts';
import type { TokenizerJson } from './source.ts';

/** How often a tokenizer's pieces occur in texts, by id. `onTexts` is told of texts done, and null at the end. */
export async function countPieces(
  tokenizer: TokenizerJson,
  texts: AsyncIterable<string>,
  onTexts?: (done: number | null) => void,
): Promise<{ counts: Float64Array; tokens: number }> {
  const encoder = Tokenizer.parse(JSON.stringify(tokenizer));
  const counts = new Float64Array(encoder.size);
  let [tokens, done] = [0, 0];
  let batch: string[] = [];
  const flush = async () => {
    for (const ids of await encoder.encodeBatch(batch)) {
      for (const id of ids) counts[id]++;
      tokens += ids.length;
    }
    done += batch.length;
    batch = [];
    onTexts?.(done);
  };
  for await (const text of texts) {
    batch.push(text);
    if (batch.length === 256) await flush();
  }
  await flush();
  onTexts?.(null);
  return { counts, tokens };
}

/**
 * The ids of at most `size` pieces to keep, in order: bytes, added tokens and `always`, then what `counts` has most of,
 * each with the pieces that its merges go through, so that it still comes about.
 *
 * @throws ImportError when `size` is too small for what has to stay
 */
export function piecesToKeep(
  { added_tokens, model }: TokenizerJson,
  counts: Float64Array,
  size: number,
  always: readonly (number | null)[],
): number[] {
  const id = (piece: string) => model.vocab[piece];
  const kept = new Set<number>([
    ...Object.keys(model.vocab).flatMap((piece) => ([...piece].length === 1 ? [id(piece)] : [])),
    ...added_tokens.map((token) => token.id),
    ...always.filter((token) => token !== null),
  ]);
  if (kept.size > size) {
    throw new ImportError(`--vocabulary ${size} is too small: the ${kept.size} bytes and special tokens have to stay`);
  }
  const ranks = new Map(model.merges.map((merge, rank) => [merge.join(' '), rank]));
  const used = Object.entries(model.vocab).filter(([, id]) => counts[id] > 0 && !kept.has(id));
  used.sort(([, a], [, b]) => counts[b] - counts[a] || a - b);
  for (const [piece] of used) {
    const needed = mergedOnTheWay(piece, ranks).filter((part) => !kept.has(id(part)));
    if (kept.size + needed.length > size) continue;
    for (const part of needed) kept.add(id(part));
    if (kept.size === size) break;
  }
  return [...kept].sort((a, b) => a - b);
}

/** What merging the letters of a piece makes, each time the pair of the lowest rank, the leftmost first. */
function mergedOnTheWay(piece: string, ranks: ReadonlyMap<string, number>): string[] {
  let parts = [...piece];
  const made: string[] = [];
  for (;;) {
    let [best, at] = [Number.POSITIVE_INFINITY, -1];
    for (let i = 0; i + 1 < parts.length; i++) {
      const rank = ranks.get(`${parts[i]} ${parts[i + 1]}`);
      if (rank !== undefined && rank < best) [best, at] = [rank, i];
    }
    if (at < 0) return made;
    const merged = parts[at] + parts[at + 1];
    made.push(merged);
    parts = [...parts.slice(0, at), merged, ...parts.slice(at + 2)];
  }
}
