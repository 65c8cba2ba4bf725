import { tokenTensors } from '../checkpoint/base-config.ts';
import { rowBytes } from '../checkpoint/tensor-format.ts';
import { byteLetters, isNeverInUtf8 } from '../tokenizer/byte-letters.ts';
import { ImportError } from './import-error.ts';
import { pieceCount, type Source, type SourceTensor, type TokenizerJson } from './source.ts';

/** A source with only some of its tokens, numbered in the order of `ids`: their rows stay as they are, to the bit. */
export function withTokens(source: Source, ids: readonly number[]): Source {
  const renumbered = new Map(ids.map((id, position) => [id, position]));
  const { bos_token_id: bos, eos_token_id: eos } = source.config;
  const config = {
    ...source.config,
    bos_token_id: bos === null ? null : (renumbered.get(bos) ?? null),
    eos_token_id: eos === null ? null : (renumbered.get(eos) ?? null),
  };
  const tokenizer = renumberedTokenizer(source.tokenizer, renumbered);
  const change = `Of ${source.config.vocab_size} tokens, ${ids.length} were kept and numbered anew, with their rows as they were.`;
  return withRows({ ...source, config, tokenizer, changes: [...source.changes, change] }, ids);
}

/**
 * A source whose tokenizer has a piece for every byte that UTF-8 uses, so that any text survives, and whose tables have
 * a row a piece. A byte that lacked a piece, as rare ones do, gets one at the end, with a copy of a control byte's row:
 * the network expects such a byte nowhere. Rows that only padded the tables go.
 *
 * @throws ImportError when no control byte has a piece either
 */
export function withEveryByte(source: Source, path: string): Source {
  const { tokenizer, config } = source;
  const { vocab } = tokenizer.model;
  const pieces = pieceCount(tokenizer);
  const missing = byteLetters.filter((letter, byte) => !Object.hasOwn(vocab, letter) && !isNeverInUtf8(byte));
  if (missing.length === 0 && pieces === config.vocab_size) return source;
  const control = byteLetters.slice(0, 9).find((letter) => Object.hasOwn(vocab, letter));
  if (missing.length > 0 && control === undefined) {
    throw new ImportError(`${path}: the tokenizer has no pieces for ${missing.length} bytes: take one that has them`);
  }
  const added = missing.map((letter, i): [string, number] => [letter, pieces + i]);
  const model = { ...tokenizer.model, vocab: { ...vocab, ...Object.fromEntries(added) } };
  const rows = [...Array(pieces).keys(), ...missing.map(() => vocab[control as string])];
  const changes = [...source.changes];
  if (pieces < config.vocab_size) {
    changes.push(`The last ${config.vocab_size - pieces} rows, which no token has, were left out of the token tables.`);
  }
  if (missing.length > 0) {
    changes.push(
      `The tokenizer had no token for ${missing.length} bytes that rare UTF-8 texts have: they follow the others, each ` +
        "with a copy of a control byte's row.",
    );
  }
  return withRows({ ...source, tokenizer: { ...tokenizer, model }, changes }, rows);
}

function withRows(source: Source, rows: readonly number[]): Source {
  const tensors = new Map(source.tensors);
  for (const name of tokenTensors(source.config)) tensors.set(name, gathered(tensors.get(name) as SourceTensor, rows));
  return { ...source, config: { ...source.config, vocab_size: rows.length }, tensors };
}

function gathered(tensor: SourceTensor, rows: readonly number[]): SourceTensor {
  const columns = tensor.shape[1];
  return {
    format: tensor.format,
    shape: [rows.length, columns],
    async read() {
      const all = await tensor.read();
      const bytes = rowBytes(tensor.format, columns);
      const out = new Uint8Array(rows.length * bytes);
      for (const [to, from] of rows.entries()) out.set(all.subarray(from * bytes, (from + 1) * bytes), to * bytes);
      return out;
    },
  };
}

function renumberedTokenizer(tokenizer: TokenizerJson, renumbered: ReadonlyMap<number, number>): TokenizerJson {
  const { added_tokens, model } = tokenizer;
  const vocab = Object.fromEntries(
    Object.entries(model.vocab).flatMap(([piece, id]) => {
      const position = renumbered.get(id);
      return position === undefined ? [] : [[piece, position]];
    }),
  );
  const isKept = (piece: string) => Object.hasOwn(vocab, piece);
  const merges = model.merges.filter(([left, right]) => isKept(left) && isKept(right) && isKept(left + right));
  return {
    ...tokenizer,
    added_tokens: added_tokens.map((token) => ({ ...token, id: renumbered.get(token.id) as number })),
    model: { ...model, vocab, merges },
  };
}
