import { Tokenizer as HuggingFaceTokenizer } from 'tokenizers';

/** The token that ends a document in tokenizers that are trained here. No merge leads to it, so no text can spell it. */
export const endOfText = '<|endoftext|>';

/** How model families spell it. */
const endsOfText = [endOfText, '<|end_of_text|>', '</s>'];
const turnMarks = { start: '<|im_start|>', end: '<|im_end|>' };

/** What the library's encoding of a text keeps a token: ids, masks, offsets and the token's own text. */
const encodingBytes = 110;

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

/**
 * Text to token ids and back: byte-level BPE, so any UTF-8 text survives the round trip. Text never becomes a special
 * token, however it is spelled: `special` has their ids for those who build a prompt.
 */
export class Tokenizer {
  readonly #tokenizer: HuggingFaceTokenizer;
  /** What stands for no text, by spelling. */
  readonly special: ReadonlyMap<string, number>;
  readonly endOfText: number;
  /** The marks around a turn of a chat, where the tokenizer has them. */
  readonly startOfTurn: number | undefined;
  readonly endOfTurn: number | undefined;
  readonly size: number;

  private constructor(tokenizer: HuggingFaceTokenizer, special: ReadonlyMap<string, number>, endOfTextId: number) {
    this.#tokenizer = tokenizer;
    this.special = special;
    this.endOfText = endOfTextId;
    this.startOfTurn = special.get(turnMarks.start);
    this.endOfTurn = special.get(turnMarks.end);
    this.size = tokenizer.getVocabSize();
  }

  /** @param json the text of a tokenizer.json; throws when it is not one */
  static parse(json: string): Tokenizer {
    const parsed = JSON.parse(json);
    const special = ((parsed.added_tokens ?? []) as AddedToken[]).filter(({ special }) => special);
    const tokenizer = HuggingFaceTokenizer.fromString(JSON.stringify(asPlainPieces(parsed, special)));
    const end = endsOfText.find((token) => tokenizer.tokenToId(token) !== null);
    if (end === undefined) throw new Error(`the tokenizer has no token that ends a text: ${endsOfText.join(', ')}`);
    const ids = new Map(special.map(({ content, id }) => [content, id]));
    return new Tokenizer(tokenizer, ids, tokenizer.tokenToId(end) as number);
  }

  async encode(text: string): Promise<number[]> {
    return (await this.#tokenizer.encode(text, null, { addSpecialTokens: false })).getIds();
  }

  async encodeBatch(texts: string[]): Promise<number[][]> {
    const encodings = await this.#tokenizer.encodeBatch(texts, { addSpecialTokens: false });
    const ids = encodings.map((encoding) => encoding.getIds());
    // V8 frees encodings but does not know their size, and would let hundreds of megabytes wait; it counts a buffer's.
    new ArrayBuffer(encodingBytes * ids.reduce((sum, { length }) => sum + length, 0));
    return ids;
  }

  async decode(ids: readonly number[]): Promise<string> {
    return this.#tokenizer.decode([...ids], false);
  }
}

/** Special tokens as pieces that no merge leads to: an added token would be found in a text that spells it. */
function asPlainPieces<T extends { added_tokens?: AddedToken[]; model?: { vocab: Record<string, number> } }>(
  tokenizer: T,
  special: readonly AddedToken[],
): T {
  if (special.length === 0 || !tokenizer.model) return tokenizer;
  const vocab = { ...tokenizer.model.vocab };
  for (const { content, id } of special) vocab[content] = id;
  const added_tokens = tokenizer.added_tokens?.filter((token) => !token.special) ?? [];
  return { ...tokenizer, added_tokens, model: { ...tokenizer.model, vocab } };
}
