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

/** What the layers keep of a run of tokens, given those before it. */
export interface KeptPiece {
  readonly length: number;
  readonly layers: readonly KeptLayer[];
  readonly bytes: number;
}

/** Runs of tokens, one behind the other. */
export type KeptPieces = readonly KeptPiece[];

export function lengthOf(pieces: KeptPieces): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}
