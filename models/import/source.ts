import type { BaseConfig } from '../checkpoint/base-config.ts';
import type { TensorFormat } from '../checkpoint/tensor-format.ts';
import type { FileBytes } from './file-bytes.ts';

/** A tensor of a source: its elements stay where they are until asked for. */
export interface SourceTensor {
  readonly format: TensorFormat;
  /** [rows, columns], or [elements]. */
  readonly shape: readonly number[];
  /** The elements as they are stored, row after row. */
  read(): Promise<Uint8Array>;
}

/** The text of a tokenizer.json, parsed, as far as an import looks into it. */
export interface TokenizerJson {
  readonly added_tokens: readonly AddedToken[];
  readonly model: {
    readonly type: string;
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (readonly [string, string])[];
    readonly ignore_merges?: boolean;
    readonly [other: string]: unknown;
  };
  readonly [other: string]: unknown;
}

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Whether it stands for something that is no text, as the end of one. */
  readonly special: boolean;
  readonly [other: string]: unknown;
}

/** How many ids a tokenizer has. */
export function pieceCount({ model, added_tokens }: TokenizerJson): number {
  return new Set([...Object.values(model.vocab), ...added_tokens.map(({ id }) => id)]).size;
}

/** What a tokenizer_config.json says that matters here. */
export interface TokenizerConfig {
  readonly chat_template?: string;
  readonly bos_token?: string;
  readonly eos_token?: string;
  /** Whether the model was trained with bos_token in front of each text. */
  readonly add_bos_token?: boolean;
}

/** Where a model comes from, as far as its files say. */
export interface Provenance {
  readonly name: string;
  readonly organization?: string;
  /** The licence's name. */
  readonly license?: string;
  /** The licence's text, a file. */
  readonly licenseFile?: string;
  /** The files with the weights. */
  readonly files: readonly FileBytes[];
}

/** A checkpoint of another project, open for reading. */
export interface Source {
  readonly config: BaseConfig;
  readonly tokenizer: TokenizerJson;
  readonly tokenizerConfig: TokenizerConfig;
  /** By Hugging Face's names: those that the config asks for, each of its shape. */
  readonly tensors: ReadonlyMap<string, SourceTensor>;
  readonly provenance: Provenance;
  /** What of the files was changed, as sentences. */
  readonly changes: readonly string[];
  close(): Promise<void>;
}
