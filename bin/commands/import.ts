import { existsSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { Source, TokenizerJson } from '../../models/import/source.ts';
import { count } from '../terminal/options.ts';
import { print } from '../terminal/output.ts';
import { showCount, showProgress } from '../terminal/progress.ts';

interface ImportOptions {
  out: string;
  license?: string;
  vocabulary?: number;
  corpora?: string[];
}

export function importCommand(): Command {
  return new Command('import')
    .description('Make a model folder of a pretrained model, for cores to start from')
    .argument('<source>', 'a Hugging Face folder, or a GGUF file')
    .requiredOption('--out <folder>', 'a new folder: configuration, tokenizer, weights, card and notice')
    .option('--license <file>', "the model's licence, put beside the weights (default: the folder's LICENSE, if any)")
    .addOption(new Option('--vocabulary <n>', 'keep at most n tokens, those that --corpora use most').argParser(count))
    .option('--corpora <paths...>', 'files or folders of JSON Lines or plain text, plain or gzip')
    .addHelpText(
      'after',
      `
What is read:
  a Hugging Face folder   config.json, tokenizer.json, safetensors in one file or several; F32, F16, BF16
  a GGUF file             F32, F16, BF16, Q8_0, Q4_0, Q4_1; the tokenizer from its metadata
  families                llama (of both), opt (of folders)
  tokenizers              byte-level BPE; of GGUF files, those that name gpt-2 or smollm as what splits a text

Elements stay as they are stored, to the bit; nothing is written unless everything can be.

Fewer tokens make a smaller, faster model, and a worse one until it is trained on: texts become longer, and words are
split in ways that the model has not seen. Bytes and special tokens always stay, so that any text can be written.

Examples:
  slingshot import SmolLM2-135M-Instruct.Q4_1.gguf --out models/weights/base
  slingshot import ~/models/opt-125m --out base --license ~/models/opt-125m/LICENSE.md
  slingshot import SmolLM2-135M-Instruct.Q4_1.gguf --out small --vocabulary 32768 --corpora ~/corpora`,
    )
    .action(runImport);
}

async function runImport(path: string, options: ImportOptions): Promise<void> {
  const { out, license, vocabulary, corpora } = options;
  if ((vocabulary === undefined) !== (corpora === undefined)) {
    throw new Error('--vocabulary and --corpora go together: how many tokens to keep, and the texts that choose them');
  }
  if (license !== undefined && !existsSync(license)) throw new Error(`--license ${license}: no such file`);
  const { openSource } = await import('../../models/import/open-source.ts');
  const { refuseUsed, writeModelFolder } = await import('../../models/import/import-model.ts');
  await refuseUsed(out);
  const opened = await openSource(path);
  const source = license === undefined ? opened : withLicense(opened, license);
  const unlessStopped = stoppable();
  try {
    const chosen =
      vocabulary === undefined ? source : await cut(source, vocabulary, corpora as string[], unlessStopped);
    const progress = showProgress('tensors');
    await writeModelFolder(chosen, out, (done, total) => {
      progress(done, total);
      unlessStopped();
    });
    for (const change of chosen.changes) print(change);
    print(`the model is in ${out}`);
  } finally {
    await source.close();
  }
}

/** Ctrl-C is seen between two pieces of the work, so that what was begun is taken away. */
function stoppable(): () => void {
  let isStopped = false;
  const stop = () => {
    isStopped = true;
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  return () => {
    if (isStopped) throw new Error('stopped; nothing was written');
  };
}

function withLicense(source: Source, licenseFile: string): Source {
  return { ...source, provenance: { ...source.provenance, licenseFile } };
}

async function cut(
  source: Source,
  size: number,
  corpora: readonly string[],
  unlessStopped: () => void,
): Promise<Source> {
  const { dataFiles } = await import('../../models/data/rows.ts');
  const { corpusTexts } = await import('../../models/import/corpus-texts.ts');
  const { countPieces, piecesToKeep } = await import('../../models/import/cut-vocabulary.ts');
  const { withTokens } = await import('../../models/import/select-tokens.ts');
  const files = (await Promise.all(corpora.map(dataFiles))).flat();
  const show = showCount('texts');
  const count = (tokenizer: TokenizerJson) =>
    countPieces(tokenizer, corpusTexts(files), (done) => {
      show(done);
      unlessStopped();
    });
  const before = await count(source.tokenizer);
  const { bos_token_id, eos_token_id } = source.config;
  const kept = piecesToKeep(source.tokenizer, before.counts, size, [bos_token_id, eos_token_id]);
  const chosen = withTokens(source, kept);
  const after = await count(chosen.tokenizer);
  const more = ((after.tokens / before.tokens - 1) * 100).toFixed(2);
  print(`The corpora are ${after.tokens} tokens with these, ${before.tokens} with all: ${more} % more.`);
  return chosen;
}
