/** Characters of a piece. Encoding takes about a hundred bytes a character, and is no faster for longer ones. */
export const pieceLength = 2 ** 14;

/**
 * Cuts a text that arrives in parts into pieces whose tokens, end to end, are the whole text's: before a single space
 * between a letter or digit and what is no space, where every byte-level tokenizer's words end. Only where half a piece
 * has no such place is it cut before other white space, or anywhere between two characters.
 */
export class PieceCutter {
  #rest = '';

  /** The pieces that are complete. */
  *push(text: string): Generator<string> {
    this.#rest += text;
    while (this.#rest.length > pieceLength) {
      const at = cutOf(this.#rest);
      yield this.#rest.slice(0, at);
      this.#rest = this.#rest.slice(at);
    }
  }

  /** The last piece, if there is one. */
  *end(): Generator<string> {
    if (this.#rest !== '') yield this.#rest;
    this.#rest = '';
  }
}

/** A text's pieces. */
export function* piecesOf(text: string): Generator<string> {
  const cutter = new PieceCutter();
  yield* cutter.push(text);
  yield* cutter.end();
}

/** @param text longer than a piece */
function cutOf(text: string): number {
  for (const isPlace of [isBetweenWords, isBeforeSpace]) {
    for (let at = pieceLength - 1; at > pieceLength / 2; at--) if (isPlace(text, at)) return at;
  }
  const isInsidePair = /[\uD800-\uDBFF]/.test(text[pieceLength - 1]);
  return isInsidePair ? pieceLength - 1 : pieceLength;
}

function isBetweenWords(text: string, at: number): boolean {
  return text[at] === ' ' && /[\p{L}\p{N}]/u.test(text[at - 1]) && /\S/.test(text[at + 1]);
}

function isBeforeSpace(text: string, at: number): boolean {
  return /\s/.test(text[at]) && /\S/.test(text[at - 1]);
}
