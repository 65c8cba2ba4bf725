import { Command } from 'commander';
import { readFleet, shippedModels } from '../../lib/fleet.ts';
import type { Evaluation } from '../../models/training/evaluate.ts';
import { seed, shares } from '../terminal/options.ts';

interface EvaluateOptions {
  data: string;
  model: string;
  tenant?: string;
  weights: number[];
  seed: number;
  models?: string;
  json?: boolean;
}

export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description('Denoising cross-entropy in nats a token, by fifth of t and overall, of a model or an ensemble')
    .requiredOption('--data <file>', 'JSON Lines of {"text"}, plain or gzip')
    .requiredOption('--model <name>', 'core, or a tenant on its own')
    .option('--tenant <name>', 'merge with this tenant')
    .option('--weights <list>', "the tenant's weights", shares, [0, 0.25, 0.5, 0.75, 1])
    .option('--seed <n>', 'of timesteps and noise', seed, 1)
    .option('--models <folder>', 'the folder with core and tenants (default: the shipped ones)')
    .option('--json', 'print one JSON object')
    .action(runEvaluation);
}

async function runEvaluation(options: EvaluateOptions): Promise<void> {
  const { loadModel } = await import('../../models/checkpoint/model-directory.ts');
  const { tokenizeCorpus } = await import('../../models/training/corpus.ts');
  const { evaluate } = await import('../../models/training/evaluate.ts');
  const fleet = readFleet(options.models ?? shippedModels);
  const named = (name: string) => {
    const found = [fleet.core, ...fleet.tenants].find((model) => model.name === name);
    const known = ['core', ...fleet.tenants.map((tenant) => tenant.name)].join(', ');
    if (!found) throw new Error(`there is no model ${JSON.stringify(name)}; known models: ${known}`);
    return loadModel(found.directory);
  };
  const model = await named(options.model);
  const tenant = options.tenant === undefined ? undefined : await named(options.tenant);
  const tokens = await tokenizeCorpus(options.data, model.tokenizer);
  const weights = tenant ? options.weights : [0];
  const result = await evaluate(tokens, model, tenant, {
    weights,
    seed: options.seed,
    onProgress: (done, total) => {
      if (process.stderr.isTTY) process.stderr.write(done === total ? '\r\u001b[K' : `\r${done}/${total} batches`);
    },
  });
  const { model: name, tenant: tenantName, data, seed } = options;
  if (options.json) console.log(JSON.stringify({ model: name, tenant: tenantName, data, seed, ...result }));
  else {
    console.log(`${result.tokens} tokens of ${data}, seed ${seed}; nats a token by timestep range\n`);
    console.log(table(result.evaluations));
  }
}

function table(evaluations: readonly Evaluation[]): string {
  const header = ['weight', '0-0.2', '0.2-0.4', '0.4-0.6', '0.6-0.8', '0.8-1', 'overall'];
  const rows = evaluations.map(({ weight, byRange, overall }) => [
    weight.toFixed(2),
    ...[...byRange, overall].map((loss) => loss.toFixed(4)),
  ]);
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.padStart(8)).join(' | ')} |`;
  return [line(header), line(header.map(() => '--------')), ...rows.map(line)].join('\n');
}
