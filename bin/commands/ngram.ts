import { Command } from 'commander';
import { formatEstimate } from '../../models/evaluation/statistics.ts';
import { count } from '../terminal/options.ts';
import { print } from '../terminal/output.ts';
import { showCount } from '../terminal/progress.ts';

interface NgramOptions {
  data: string;
  core: string;
  out: string;
  order: number;
  maxMegabytes: number;
  reader?: boolean;
  tuned?: string;
  heldOut?: string;
}

export function ngramCommand(): Command {
  return new Command('ngram')
    .description("Make a tenant's model of its documents in seconds, by counting: no training")
    .requiredOption('--data <path>', 'a file or folder of JSON Lines or plain text, plain or gzip')
    .requiredOption('--out <folder>', "the model's folder")
    .option('--core <folder>', 'the core that it will correct', 'models/weights/core')
    .option('--reader', "let the core's base read beside the n-grams, private contexts included")
    .option('--tuned <folder>', 'let a tuned base read instead, of slingshot train --recipe david.yaml')
    .option('--held-out <path>', 'text that it was not made of, to say what it gains there over the core alone')
    .option('--order <n>', 'tokens that an n-gram spans at most, 1 to 8', count, 5)
    .option('--max-megabytes <n>', "the file's size at most; what tells least is left out", count, 4)
    .addHelpText(
      'after',
      `
To try documents without making a model: slingshot generate --tenant-docs FOLDER --prompt TEXT

Example:
  slingshot ngram --data handbook/ --out my-models/handbook --held-out held-out.jsonl`,
    )
    .action(runNgram);
}

/** Counts documents, and says what that took and gains. */
export async function runNgram({
  data,
  core,
  out,
  order,
  maxMegabytes,
  heldOut,
  reader = false,
  tuned,
}: NgramOptions): Promise<void> {
  const { makeNgramModel } = await import('../../models/ngram/make-ngram-model.ts');
  const started = performance.now();
  const progress = showCount('tokens');
  const made = await makeNgramModel({
    ...{ data, core, folder: out, reader, order, maxBytes: maxMegabytes * 2 ** 20 },
    ...(tuned === undefined ? {} : { tuned }),
    onTokenized: (_, tokens) => progress(tokens),
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  print(`${made.tokens} tokens counted in ${seconds} s; the model of ${made.bytes} bytes is in ${out}`);
  if (heldOut === undefined) return;
  const { tenantGain } = await import('../../models/evaluation/tenant-gain.ts');
  const { core: alone, both, documents } = await tenantGain({ core, tenant: out, data: heldOut });
  const percent = (100 * (1 - both.mean / alone.mean)).toFixed(1);
  print(`held-out text, nats a token over ${documents} documents: the core alone ${formatEstimate(alone)}`);
  print(`with the tenant, weight 0.5, ${formatEstimate(both)}: ${percent} % less`);
}
