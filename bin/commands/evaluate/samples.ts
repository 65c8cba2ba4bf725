import { basename, join } from 'node:path';
import { Command, Option } from 'commander';
import { shippedModels } from '../../../lib/fleet.ts';
import type { TextSet } from '../../../models/evaluation/judged-text.ts';
import type { TextJudge } from '../../../models/evaluation/text-judge.ts';
import { count } from '../../terminal/options.ts';
import { print } from '../../terminal/output.ts';
import { showProgress } from '../../terminal/progress.ts';

interface SamplesOptions {
  text: string[];
  real: string[];
  training: string[];
  judgeText?: string[];
  judge?: string;
  tokenizer: string;
  segments: number;
  json?: boolean;
}

/** Documents that an n-gram judge is made of at most, in characters. */
const judgeCharacters = 2e7;

export function samplesCommand(): Command {
  return new Command('samples')
    .description('Measure written text beside real text: what it costs a judge, diversity, phrases that exist, copies')
    .requiredOption(
      '--text <files...>',
      'JSON Lines of {"prompt", "text"}, as `evaluate text --out` writes them; a file is a set',
    )
    .requiredOption('--real <paths...>', 'held-out documents, the mark')
    .requiredOption(
      '--training <paths...>',
      "what the text's writer learnt from: copies and known phrases are looked for there",
    )
    .addOption(
      new Option(
        '--judge-text <paths...>',
        'documents to make a 5-gram judge of; others than the writer learnt from',
      ).conflicts('judge'),
    )
    .option('--judge <folder>', 'an autoregressive model as the judge instead')
    .option(
      '--tokenizer <folder>',
      'the model folder whose tokenizer the 5-gram judge uses',
      join(shippedModels, 'core'),
    )
    .option('--segments <n>', 'stretches of real text', count, 400)
    .option('--json', 'print one JSON object')
    .action(runSamples);
}

async function runSamples(options: SamplesOptions): Promise<void> {
  const { readTexts } = await import('../../../models/data/documents.ts');
  const { dataFiles } = await import('../../../models/data/rows.ts');
  const { judgedTable } = await import('../../../models/evaluation/judged-table.ts');
  const { judgeTexts } = await import('../../../models/evaluation/judged-text.ts');
  const { realSegments } = await import('../../../models/evaluation/real-segments.ts');
  const { wordsOf } = await import('../../../models/evaluation/text-metrics.ts');
  const documents = async (paths: readonly string[]) => readTexts((await Promise.all(paths.map(dataFiles))).flat());
  const sets = (await Promise.all(options.text.map(readSets))).flat();
  const median = (part: 'prompt' | 'text') => {
    const lengths = sets.flatMap(({ samples }) => samples.map((sample) => wordsOf(sample[part]).length));
    return lengths.sort((a, b) => a - b)[lengths.length >> 1];
  };
  const [promptWords, textWords] = [median('prompt'), Math.max(1, median('text'))];
  const real = await realSegments(await documents(options.real), { promptWords, textWords, count: options.segments });
  const { judge, about, release } = await judgeOf(options, documents);
  try {
    const results = await judgeTexts(sets, real, judge, await documents(options.training), showProgress('samples'));
    if (options.json) return print(JSON.stringify({ judge: about, promptWords, textWords, results }));
    print(`judge: ${about}; real text in stretches of ${textWords} words after ${promptWords}; 95 % intervals\n`);
    print(judgedTable(results));
  } finally {
    await release();
  }
}

interface OpenJudge {
  readonly judge: TextJudge;
  readonly about: string;
  release(): Promise<void>;
}

async function judgeOf(
  { judge, judgeText, tokenizer: folder }: SamplesOptions,
  documents: (paths: readonly string[]) => Promise<AsyncIterable<string>>,
): Promise<OpenJudge> {
  const { isAutoregressive, loadModel } = await import('../../../models/checkpoint/model-directory.ts');
  const { loadServedTokenizer } = await import('../../../models/checkpoint/served-model.ts');
  const { autoregressiveJudge, ngramJudge } = await import('../../../models/evaluation/text-judge.ts');
  if (judge !== undefined) {
    const { NextToken } = await import('../../../models/autoregressive/next-token.ts');
    const model = await loadModel(judge);
    if (!isAutoregressive(model)) throw new Error(`--judge: ${judge} is no autoregressive model`);
    const next = new NextToken(model);
    return { judge: autoregressiveJudge(next, model.tokenizer), about: judge, release: () => next.release() };
  }
  if (judgeText === undefined) throw new Error('who is to judge? Give --judge-text PATHS or --judge FOLDER');
  const { trainJudge } = await import('../../../models/evaluation/train-judge.ts');
  const tokenizer = await loadServedTokenizer(folder);
  const made = await trainJudge(await documents(judgeText), tokenizer, judgeCharacters);
  const { model } = made;
  const about = `${model.order}-gram of ${made.documents} documents of ${judgeText.join(', ')}`;
  return { judge: ngramJudge(model, tokenizer), about, release: async () => {} };
}

/** A file's samples; each weight of those that `evaluate text` wrote is a set of its own. */
async function readSets(file: string): Promise<TextSet[]> {
  const { readSamples } = await import('../../../models/evaluation/read-samples.ts');
  const samples = await readSamples(file);
  const weights = new Set(samples.map(({ weight }) => weight));
  return [...weights].map((weight) => ({
    name: weights.size > 1 ? `${basename(file)}, weight ${weight}` : basename(file),
    samples: samples.filter((sample) => sample.weight === weight),
  }));
}
