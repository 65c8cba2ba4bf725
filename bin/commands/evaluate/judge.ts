import { Command } from 'commander';
import { address, timeout } from '../../terminal/options.ts';
import { print } from '../../terminal/output.ts';
import { showProgress } from '../../terminal/progress.ts';

interface JudgeOptions {
  a: string;
  b: string;
  url: string;
  judgeModel: string;
  timeout: number;
  json?: boolean;
}

export function judgeCommand(): Command {
  return new Command('judge')
    .description("Have a chat model compare two models' answers, each pair in both orders")
    .requiredOption('--a <file>', 'JSON Lines of {"prompt", "text"}, as `evaluate text --out` writes them')
    .requiredOption('--b <file>', 'the same prompts, answered by the other model')
    .requiredOption('--url <base>', 'an OpenAI-compatible service, up to and without /chat/completions', address)
    .requiredOption('--judge-model <name>', "the service's model")
    .option('--timeout <seconds>', 'for one answer', timeout, 60)
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nThe key, where the service wants one, is read from OPENAI_API_KEY.')
    .action(runJudge);
}

async function runJudge(options: JudgeOptions): Promise<void> {
  const { compare } = await import('../../../models/evaluation/pairwise-judge.ts');
  const { readSamples } = await import('../../../models/evaluation/read-samples.ts');
  const [a, b] = [await readSamples(options.a), await readSamples(options.b)];
  const missing = a.findIndex(({ prompt }, i) => b[i]?.prompt !== prompt);
  if (a.length === 0) throw new Error(`${options.a} has no answers`);
  if (missing >= 0 || a.length !== b.length) {
    throw new Error(`${options.a} and ${options.b} must answer the same prompts in the same order`);
  }
  const key = process.env.OPENAI_API_KEY;
  const service = {
    ...{ url: options.url, model: options.judgeModel, timeoutMilliseconds: 1000 * options.timeout },
    ...(key ? { key } : {}),
  };
  const pairs = a.map(({ prompt, text }, i) => ({ question: prompt, a: text, b: b[i].text }));
  const progress = showProgress('pairs');
  const result = await compare(service, pairs, (done) => progress(done, pairs.length));
  if (options.json) return print(JSON.stringify({ a: options.a, b: options.b, ...result }));
  const counted = (verdict: string) => result.verdicts.filter((given) => given === verdict).length;
  const [low, high] = result.interval.map((end) => end.toFixed(3));
  print(`A won ${counted('a')}, B won ${counted('b')}, ${counted('tie')} ties of ${pairs.length} pairs`);
  print(`A's win rate, a tie counting half: ${result.winRate.toFixed(3)}, 95 % ${low} to ${high}`);
  print(`${result.inconsistent} pairs were judged otherwise in the other order, and count as ties`);
}
