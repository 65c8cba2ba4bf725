import { Tokenizer as HuggingFaceTokenizer } from 'tokenizers';

/** The token that ends a document. No merge leads to it, so no text can spell it. */
export const endOfText = '<|endoftext|>';

/** Text to token ids and back: byte-level BPE, so any UTF-8 text survives the round trip. */
export class Tokenizer {
  readonly #tokenizer: HuggingFaceTokenizer;
  readonly endOfText: number;
  readonly size: number;

  private constructor(tokenizer: HuggingFaceTokenizer, endOfTextId: number) {
    this.#tokenizer = tokenizer;
    this.endOfText = endOfTextId;
    this.size = tokenizer.getVocabSize();
  }

  /** @param json the text of a tokenizer.json; throws when it is not one */
  static parse(json: string): Tokenizer {
    const tokenizer = HuggingFaceTokenizer.fromString(json);
    const id = tokenizer.tokenToId(endOfText);
    if (id === null) throw new Error(`the tokenizer has no ${endOfText} token`);
    return new Tokenizer(tokenizer, id);
  }

  async encode(text: string): Promise<number[]> {
    return (await this.#tokenizer.encode(text)).getIds();
  }

  async encodeBatch(texts: string[]): Promise<number[][]> {
    return (await this.#tokenizer.encodeBatch(texts)).map((encoding) => encoding.getIds());
  }

  async decode(ids: readonly number[]): Promise<string> {
    return this.#tokenizer.decode([...ids], false);
  }
}
