import { Command, Option } from 'commander';
import type { Source } from '../../models/import/source.ts';
import { count } from '../terminal/options.ts';
import { print } from '../terminal/output.ts';
import { showCount, showProgress } from '../terminal/progress.ts';

interface ImportOptions {
  out: string;
  vocabulary?: number;
  corpora?: string[];
}

export function importCommand(): Command {
  return new Command('import')
    .description('Make a model folder of a pretrained model, for cores to start from')
    .argument('<source>', 'a GGUF file')
    .requiredOption('--out <folder>', 'a new folder: config, tokenizer and weights')
    .addOption(
      new Option('--vocabulary <n>', 'keep at most n pieces of the tokenizer, those that --corpora use most').argParser(
        count,
      ),
    )
    .option('--corpora <paths...>', 'files or folders of JSON Lines or plain text, plain or gzip')
    .action(runImport);
}

async function runImport(path: string, options: ImportOptions): Promise<void> {
  const { out, vocabulary, corpora } = options;
  if ((vocabulary === undefined) !== (corpora === undefined)) {
    throw new Error('--vocabulary and --corpora go together: how many pieces to keep, and the texts that choose them');
  }
  const { openSource } = await import('../../models/import/open-source.ts');
  const { refuseUsed, writeModelFolder } = await import('../../models/import/import-model.ts');
  await refuseUsed(out);
  const source = await openSource(path);
  try {
    const chosen = vocabulary === undefined ? source : await cut(source, vocabulary, corpora as string[]);
    await writeModelFolder(chosen, out, showProgress('tensors'));
    print(`the model is in ${out}`);
  } finally {
    await source.close();
  }
}

async function cut(source: Source, size: number, corpora: readonly string[]): Promise<Source> {
  const { dataFiles } = await import('../../models/data/rows.ts');
  const { corpusTexts } = await import('../../models/import/corpus-texts.ts');
  const { countPieces, piecesToKeep } = await import('../../models/import/cut-vocabulary.ts');
  const { withTokens } = await import('../../models/import/select-tokens.ts');
  const files = (await Promise.all(corpora.map(dataFiles))).flat();
  const progress = showCount('texts');
  const before = await countPieces(source.tokenizer, corpusTexts(files), progress);
  const { bos_token_id, eos_token_id } = source.config;
  const kept = piecesToKeep(source.tokenizer, before.counts, size, [bos_token_id, eos_token_id]);
  const chosen = withTokens(source, kept);
  const after = await countPieces(chosen.tokenizer, corpusTexts(files), progress);
  const more = ((after.tokens / before.tokens - 1) * 100).toFixed(2);
  print(
    `${kept.length} of ${before.counts.length} pieces kept; ` +
      `the corpora are ${after.tokens} tokens instead of ${before.tokens}, ${more} % more`,
  );
  return chosen;
}
