/** Clean tokens are encoded in pieces of this many, counted from the context's start, so that equal contexts are always
 * encoded alike, however they grew. */
export const pieceLength = 64;

/** What one layer keeps of a run of tokens. */
export interface KeptLayer {
  /** [groups, head width, length] */
  readonly keys: Float32Array;
  /** [groups, length, head width] */
  readonly values: Float32Array;
}

/** Keys and values of a context's beginning. */
export interface EncodedPrefix {
  readonly length: number;
  readonly layers: readonly KeptLayer[];
  readonly bytes: number;
}

/**
 * A prefix grown by what was encoded behind it.
 *
 * @param layers of the fresh tokens alone
 */
export function grown(
  first: EncodedPrefix | undefined,
  layers: readonly KeptLayer[],
  length: number,
  { groups, headWidth }: { readonly groups: number; readonly headWidth: number },
): EncodedPrefix {
  const all = layers.map(({ keys, values }, layer) => {
    if (!first) return { keys, values };
    const before = first.layers[layer];
    return {
      keys: sideBySide(before.keys, keys, groups * headWidth),
      values: sideBySide(before.values, values, groups),
    };
  });
  const bytes = all.reduce((sum, { keys, values }) => sum + keys.byteLength + values.byteLength, 0);
  return { length: (first?.length ?? 0) + length, layers: all, bytes };
}

/** Two tensors of `runs` rows joined row by row. */
function sideBySide(a: Float32Array, b: Float32Array, runs: number): Float32Array {
  const out = new Float32Array(a.length + b.length);
  const [left, right] = [a.length / runs, b.length / runs];
  for (let run = 0; run < runs; run++) {
    out.set(a.subarray(run * left, (run + 1) * left), run * (left + right));
    out.set(b.subarray(run * right, (run + 1) * right), run * (left + right) + left);
  }
  return out;
}
