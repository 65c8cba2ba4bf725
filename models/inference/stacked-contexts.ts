import { masked } from '../ssd2/layout.ts';
import { type KeptPiece, type KeptPieces, lengthOf } from './kept-piece.ts';

/** Contexts of several lanes, a tensor a layer. */
interface Stack {
  readonly count: number;
  /** Columns of a lane. */
  readonly length: number;
  /** [count, groups, head width, length] */
  readonly keys: readonly Float32Array[];
  /** [count, groups, length, head width] */
  readonly values: readonly Float32Array[];
  /** What stands in each lane, from its first column on. */
  readonly placed: KeptPiece[][];
}

export interface StackedContexts extends Pick<Stack, 'length' | 'keys' | 'values'> {
  /** [count, length]: 0 for what a lane sees, `masked` for what it does not. */
  readonly bias: Float32Array;
}

/** Where a token comes at a time, lanes have as many columns as the longest needs in steps of these. */
const columnStep = 64;
const mostStacks = 4;
const mostBytes = 384 * 2 ** 20;

/**
 * Puts lanes' contexts side by side for a pass. The steps of a block differ by a token a lane, so what stands in its place
 * from a pass before is not copied again; what a shorter context leaves standing behind itself is masked.
 */
export class ContextStacker {
  readonly #layers: number;
  readonly #groups: number;
  readonly #headWidth: number;
  /** The last used first. */
  #stacks: Stack[] = [];

  constructor(layers: number, { groups, headWidth }: { readonly groups: number; readonly headWidth: number }) {
    this.#layers = layers;
    this.#groups = groups;
    this.#headWidth = headWidth;
  }

  /**
   * What is returned may be read until the next call.
   *
   * @param grow whether contexts grow by a token from call to call. Where they do not, there are no more columns than the
   *   longest needs: what nobody sees has weights that underflow, which take longer than others.
   */
  stack(contexts: readonly KeptPieces[], grow = false): StackedContexts {
    const used = contexts.map(lengthOf);
    // A context of nothing is columns that nobody sees.
    const longest = Math.max(1, ...used);
    const length = grow ? columnStep * Math.ceil(longest / columnStep) : longest;
    const stack = this.#find(contexts, length);
    contexts.forEach((pieces, lane) => {
      this.#place(stack, lane, pieces);
    });
    const bias = new Float32Array(contexts.length * length);
    used.forEach((columns, lane) => {
      bias.fill(masked, lane * length + columns, (lane + 1) * length);
    });
    return { length, keys: stack.keys, values: stack.values, bias };
  }

  #find(contexts: readonly KeptPieces[], length: number): Stack {
    const count = contexts.length;
    const same = this.#stacks.filter((stack) => stack.count === count && stack.length === length);
    const shared = (stack: Stack) =>
      contexts.reduce((sum, pieces, lane) => sum + sharedColumns(stack, lane, pieces), 0);
    const best = same.toSorted((a, b) => shared(b) - shared(a))[0];
    const found = best && shared(best) > 0 ? best : this.#empty(count, length);
    this.#stacks = [found, ...this.#stacks.filter((stack) => stack !== found)].slice(0, mostStacks);
    while (this.#stacks.length > 1 && this.#bytes() > mostBytes) this.#stacks.pop();
    return found;
  }

  #bytes(): number {
    const each = 2 * this.#layers * this.#groups * this.#headWidth * Float32Array.BYTES_PER_ELEMENT;
    return this.#stacks.reduce((sum, { count, length }) => sum + count * length * each, 0);
  }

  #empty(count: number, length: number): Stack {
    const size = count * this.#groups * this.#headWidth * length;
    const tensors = () => Array.from({ length: this.#layers }, () => new Float32Array(size));
    return { count, length, keys: tensors(), values: tensors(), placed: Array.from({ length: count }, () => []) };
  }

  #place(stack: Stack, lane: number, pieces: KeptPieces): void {
    const placed = stack.placed[lane];
    let at = sharedColumns(stack, lane, pieces);
    const first = sharedPieces(placed, pieces);
    placed.length = first;
    for (const piece of pieces.slice(first)) {
      for (let layer = 0; layer < this.#layers; layer++) {
        const { keys, values } = piece.layers[layer];
        const keyRuns = this.#groups * this.#headWidth;
        copyRuns(keys, stack.keys[layer], { runs: keyRuns, lane, at, width: 1, length: stack.length });
        const valueRuns = { runs: this.#groups, lane, at, width: this.#headWidth, length: stack.length };
        copyRuns(values, stack.values[layer], valueRuns);
      }
      placed.push(piece);
      at += piece.length;
    }
  }
}

function sharedPieces(placed: KeptPieces, pieces: KeptPieces): number {
  const other = pieces.findIndex((piece, i) => piece !== placed[i]);
  return other < 0 ? pieces.length : other;
}

function sharedColumns({ placed }: Stack, lane: number, pieces: KeptPieces): number {
  return lengthOf(pieces.slice(0, sharedPieces(placed[lane], pieces)));
}

/** A piece's runs, each to its place in a lane's. */
function copyRuns(
  from: Float32Array,
  to: Float32Array,
  { runs, lane, at, width, length }: Record<'runs' | 'lane' | 'at' | 'width' | 'length', number>,
): void {
  const own = from.length / runs;
  for (let run = 0; run < runs; run++) {
    const start = (lane * runs + run) * length * width + at * width;
    // For single numbers a call costs more than the copy.
    if (own === 1) to[start] = from[run];
    else to.set(from.subarray(run * own, (run + 1) * own), start);
  }
}
