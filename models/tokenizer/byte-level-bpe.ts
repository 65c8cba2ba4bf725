/** Splits as GPT-2 does, and writes bytes as letters. */
export const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };

interface ByteLevelBpe<Added> {
  readonly vocab: Readonly<Record<string, number>>;
  /** In the order in which they apply. */
  readonly merges: [string, string][];
  readonly addedTokens: Added[];
  /** What splits a text before merges. */
  readonly preTokenizer: object;
}

/** A byte-level BPE as a tokenizer.json has it, with nothing that changes text on the way. */
export function byteLevelBpe<Added>({ vocab, merges, addedTokens, preTokenizer }: ByteLevelBpe<Added>) {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens,
    normalizer: null,
    pre_tokenizer: preTokenizer,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges,
    },
  };
}
