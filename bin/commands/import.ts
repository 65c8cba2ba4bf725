import { Command } from 'commander';
import { showProgress } from '../terminal/progress.ts';

interface ImportOptions {
  out: string;
}

export function importCommand(): Command {
  return new Command('import')
    .description('Make a model folder of a pretrained model, for cores to start from')
    .argument('<source>', 'a GGUF file')
    .requiredOption('--out <folder>', 'a new folder: config, tokenizer and weights')
    .action(runImport);
}

async function runImport(path: string, options: ImportOptions): Promise<void> {
  const { openSource } = await import('../../models/import/open-source.ts');
  const { refuseUsed, writeModelFolder } = await import('../../models/import/import-model.ts');
  await refuseUsed(options.out);
  const source = await openSource(path);
  try {
    await writeModelFolder(source, options.out, showProgress('tensors'));
    console.log(`the model is in ${options.out}`);
  } finally {
    await source.close();
  }
}
