import { byteLevel, byteLevelBpe } from '../tokenizer/byte-level-bpe.ts';
import type { Gguf, GgufValue } from './gguf.ts';
import { ImportError } from './import-error.ts';
import type { AddedToken, TokenizerConfig, TokenizerJson } from './source.ts';

/** What splits a text before merges, by GGUF's names: GPT-2's pattern, and the same with each digit alone. */
const preTokenizers = new Map<string, object>([
  ['gpt-2', byteLevel],
  ['smollm', { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel] }],
]);

/** GGUF's kinds of tokens. */
const control = 3;
const userDefined = 4;

/** The tokenizer in a GGUF file's metadata as a tokenizer.json. @throws ImportError */
export function ggufTokenizer({ metadata }: Gguf, path: string): TokenizerJson {
  const fail = (what: string): never => {
    throw new ImportError(`${path}: ${what}`);
  };
  const tokens = strings(metadata.get('tokenizer.ggml.tokens'));
  const merges = strings(metadata.get('tokenizer.ggml.merges'));
  const kind = metadata.get('tokenizer.ggml.model');
  if (kind === undefined || tokens.length === 0) return fail('no tokenizer in the metadata: take a file that has one');
  if (kind !== 'gpt2') {
    return fail(`tokenizer.ggml.model is ${kind}; "gpt2", byte-level BPE, is read: take a model that has it`);
  }
  const pre = metadata.get('tokenizer.ggml.pre');
  const preTokenizer = preTokenizers.get(String(pre));
  if (!preTokenizer) {
    const known = [...preTokenizers.keys()].join(', ');
    return fail(`tokenizer.ggml.pre is ${pre ?? 'missing'}; ${known} are read: take the Hugging Face folder instead`);
  }
  const kinds = (metadata.get('tokenizer.ggml.token_type') ?? []) as readonly GgufValue[];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  return byteLevelBpe({
    vocab,
    // The byte alphabet has no space.
    merges: merges.map((merge) => merge.split(' ') as [string, string]),
    addedTokens: tokens.flatMap((content, id) => addedToken(id, content, kinds[id])),
    preTokenizer,
  });
}

function addedToken(id: number, content: string, kind: GgufValue | undefined): AddedToken[] {
  if (kind !== control && kind !== userDefined) return [];
  const matching = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return [{ id, content, ...matching, special: kind === control }];
}

export function ggufTokenizerConfig({ metadata }: Gguf): TokenizerConfig {
  const tokens = strings(metadata.get('tokenizer.ggml.tokens'));
  const template = metadata.get('tokenizer.chat_template');
  const bos = tokens[Number(metadata.get('tokenizer.ggml.bos_token_id'))];
  const eos = tokens[Number(metadata.get('tokenizer.ggml.eos_token_id'))];
  const addBos = metadata.get('tokenizer.ggml.add_bos_token');
  return {
    ...(typeof template === 'string' ? { chat_template: template } : {}),
    ...(bos === undefined ? {} : { bos_token: bos }),
    ...(eos === undefined ? {} : { eos_token: eos }),
    ...(typeof addBos === 'boolean' ? { add_bos_token: addBos } : {}),
  };
}

function strings(value: GgufValue | undefined): readonly string[] {
  return Array.isArray(value) ? (value as readonly string[]) : [];
}
