import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { positive } from '../../terminal/options.ts';
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
    .requiredOption('--url <base>', 'an OpenAI-compatible service, up to and without /chat/completions')
    .requiredOption('--judge-model <name>', "the service's model")
    .option('--timeout <seconds>', 'for one answer', positive, 60)
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nThe key, where the service wants one, is read from OPENAI_API_KEY.')
    .action(runJudge);
}

async function runJudge(options: JudgeOptions): Promise<void> {
  const { compare } = await import('../../../models/evaluation/pairwise-judge.ts');
  const [a, b] = [await readAnswers(options.a), await readAnswers(options.b)];
  const missing = a.findIndex(({ prompt }, i) => b[i]?.prompt !== prompt);
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
  if (options.json) return console.log(JSON.stringify({ a: options.a, b: options.b, ...result }));
  const counted = (verdict: string) => result.verdicts.filter((given) => given === verdict).length;
  const [low, high] = result.interval.map((end) => end.toFixed(3));
  console.log(`A won ${counted('a')}, B won ${counted('b')}, ${counted('tie')} ties of ${pairs.length} pairs`);
  console.log(`A's win rate, a tie counting half: ${result.winRate.toFixed(3)}, 95 % ${low} to ${high}`);
  console.log(`${result.inconsistent} pairs were judged otherwise in the other order, and count as ties`);
}

async function readAnswers(file: string): Promise<{ prompt: string; text: string }[]> {
  return (await readFile(file, 'utf8'))
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line, i) => {
      try {
        const { prompt, text } = JSON.parse(line);
        if (typeof prompt === 'string' && typeof text === 'string') return { prompt, text };
      } catch {}
      throw new Error(`${file}:${i + 1}: not a JSON object with "prompt" and "text"`);
    });
}
