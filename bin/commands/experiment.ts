import { join } from 'node:path';
import { Argument, Command } from 'commander';
import { experiments } from '../../experiments/index.ts';
import { Lab } from '../../experiments/lab.ts';
import { writeReport } from '../../experiments/report.ts';
import { count, threads } from '../terminal/options.ts';
import { print } from '../terminal/output.ts';
import { isInteractive } from '../terminal/printable.ts';

interface ExperimentOptions {
  corpora: string;
  out: string;
  steps: number;
  seeds: number;
  count?: number;
  threads?: number;
}

export function experimentCommand(): Command {
  return new Command('experiment')
    .description(
      'Repeat an experiment of docs/experiments.md: train its models, measure, and write tables and pictures',
    )
    .addArgument(new Argument('<name>', 'which').choices([...Object.keys(experiments), 'all']))
    .requiredOption('--corpora <folder>', 'with tenants/ and core.*.jsonl.gz')
    .option('--out <folder>', 'for models, tables (NAME.md), numbers (NAME.json) and pictures', 'runs/experiments')
    .option('--steps <n>', 'training steps of a model, of 1,000 noised tokens each', count, 350)
    .option('--seeds <n>', 'how many, 1, 2, ...', count, 3)
    .option('--count <n>', 'gaps that are filled (default: 200)', count)
    .option('--threads <n>', 'that train (default: one a core)', threads)
    .addHelpText('after', '\nModels are kept in the folder: a stopped experiment goes on, and experiments share them.')
    .action(runExperiment);
}

async function runExperiment(name: string, options: ExperimentOptions): Promise<void> {
  const { corpora, out, steps, seeds } = options;
  const onTerminal = isInteractive(process.stderr);
  const lab = new Lab({
    ...{ folder: out, corpora, steps },
    ...(options.count === undefined ? {} : { count: options.count }),
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    seeds: Array.from({ length: seeds }, (_, i) => i + 1),
    onProgress: (what) => {
      process.stderr.write(onTerminal ? `\r${what}\u001b[K` : `${what}\n`);
    },
  });
  for (const one of name === 'all' ? Object.keys(experiments) : [name]) {
    const markdown = await writeReport(join(out, 'results'), one, await experiments[one](lab));
    if (onTerminal) process.stderr.write('\r\u001b[K');
    print(`${markdown}\n`);
  }
}
