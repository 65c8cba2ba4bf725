import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Base, loadBase } from '../../models/checkpoint/base.ts';
import { writeModelFolder } from '../../models/import/import-model.ts';
import { openSource } from '../../models/import/open-source.ts';
import {
  byteLevelTokenizer,
  type GgufModel,
  gguf,
  type HuggingFaceFolder,
  llamaTensors,
  type TinyTokenizer,
  tinyLlama,
  writeHuggingFace,
} from './checkpoints.ts';

/** Checkpoints of one tiny model, written as other tools write them, in a folder of their own. */
export class ImportSources {
  readonly tensors = llamaTensors();
  readonly tokenizer: TinyTokenizer;
  readonly folder: string;
  #number = 0;

  private constructor(folder: string, tokenizer: TinyTokenizer) {
    this.folder = folder;
    this.tokenizer = tokenizer;
  }

  static async create(): Promise<ImportSources> {
    return new ImportSources(await mkdtemp(join(tmpdir(), 'slingshot-import-')), await byteLevelTokenizer());
  }

  /** A path at which nothing is yet. */
  fresh(): string {
    return join(this.folder, String(this.#number++));
  }

  async ggufFile(model: Partial<GgufModel> = {}): Promise<string> {
    const path = `${this.fresh()}.gguf`;
    await writeFile(path, gguf({ tensors: this.tensors, tokenizer: this.tokenizer, ...model }));
    return path;
  }

  async huggingFaceFolder(model: Partial<HuggingFaceFolder> = {}): Promise<string> {
    const path = this.fresh();
    await writeHuggingFace(path, { config: tinyLlama, tokenizer: this.tokenizer, tensors: this.tensors, ...model });
    return path;
  }

  /** @returns the folder that the import of a source makes */
  async import(source: string): Promise<string> {
    const out = this.fresh();
    const opened = await openSource(source);
    try {
      await writeModelFolder(opened, out);
    } finally {
      await opened.close();
    }
    return out;
  }

  async imported(source: string): Promise<Base> {
    return loadBase(await this.import(source));
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}
