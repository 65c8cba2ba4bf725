import { Tokenizer as HuggingFaceTokenizer } from 'tokenizers';
import { z } from 'zod';
import { firstIssue } from '../zod-issue.ts';

/** The token that ends a document in tokenizers that are trained here. No merge leads to it, so no text can spell it. */
export const endOfText = '<|endoftext|>';

/** How model families spell it. */
const endsOfText = [endOfText, '<|end_of_text|>', '</s>'];
const turnMarks = { start: '<|im_start|>', end: '<|im_end|>' };

/** What the library's encoding of a text keeps a token: ids, masks, offsets and the token's own text. */
const encodingBytes = 110;

/** What is looked at of a tokenizer.json; the rest is the library's to judge. */
const fileSchema = z.looseObject({
  added_tokens: z
    .array(
      z.looseObject({ id: z.int().nonnegative(), content: z.string().min(1), special: z.boolean().default(false) }),
    )
    .nullish()
    .transform((tokens) => tokens ?? []),
  normalizer: z
    .looseObject({ type: z.string() })
    .nullish()
    .refine((normalizer) => !normalizer || normalizer.type === 'NFC', {
      error: ({ input }) => `${(input as { type: string }).type} would change texts; NFC and none are taken`,
    }),
  pre_tokenizer: z.unknown(),
  model: z.looseObject({
    type: z.string().refine((type) => type === 'BPE', 'only BPE is taken'),
    // Not a record of zod's, which drops the name __proto__: a piece of text like any other.
    vocab: z.custom<Record<string, number>>((value) => typeof value === 'object' && value !== null, 'is none'),
  }),
});
type TokenizerFile = z.output<typeof fileSchema>;
type AddedToken = TokenizerFile['added_tokens'][number];

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
    const parsed = fileSchema.safeParse(JSON.parse(json));
    if (!parsed.success) throw new Error(firstIssue(parsed.error, 'the tokenizer'));
    const { added_tokens: added } = parsed.data;
    // End-of-text is no text, whether its flag says so or not.
    const special = added.filter((token) => token.special || endsOfText.includes(token.content));
    const tokenizer = HuggingFaceTokenizer.fromString(JSON.stringify(asRead(parsed.data, special)));
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

/**
 * A file as texts are to be read with it. What other tools keep there for batches and training would cut, fill up or
 * scatter texts; and an added token would be found in a text that spells it, so that special ones become pieces to
 * which no merge leads.
 */
function asRead(file: TokenizerFile, special: readonly AddedToken[]): TokenizerFile {
  const vocab = { ...file.model.vocab };
  for (const { content, id } of special) vocab[content] = id;
  return {
    ...file,
    truncation: null,
    padding: null,
    added_tokens: file.added_tokens.filter((token) => !special.includes(token)),
    pre_tokenizer: withoutPrefix(file.pre_tokenizer),
    model: { ...file.model, dropout: null, vocab },
  };
}

/** A space before each text would stand in the middle of one that is read in pieces. */
function withoutPrefix(preTokenizer: unknown): unknown {
  return JSON.parse(JSON.stringify(preTokenizer ?? null), (name, value) =>
    name === 'add_prefix_space' ? false : value,
  );
}
