import type { NextToken } from '../autoregressive/next-token.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { type Perplexity, perplexity } from './perplexity.ts';
import { table } from './table.ts';
import { autoregressiveJudge } from './text-judge.ts';
import { type TextMetrics, textMetrics } from './text-metrics.ts';

export type SampleMetrics = TextMetrics & Perplexity;

/**
 * @param samples the texts of each prompt
 * @param tokenizer the judge's
 */
export async function measureSamples(
  prompts: readonly string[],
  samples: readonly (readonly string[])[],
  judge: NextToken,
  tokenizer: Tokenizer,
  domain?: ReadonlySet<string>,
): Promise<SampleMetrics> {
  const pairs = prompts.flatMap((prompt, i) => samples[i].map((text) => ({ prompt, text })));
  return { ...textMetrics(samples, domain), ...(await perplexity(autoregressiveJudge(judge, tokenizer), pairs)) };
}

export function metricsTable(
  rows: readonly { readonly name: string; readonly metrics: SampleMetrics; readonly tokensPerSecond: number }[],
): string {
  const domain = rows.some(({ metrics }) => metrics.domainTerms !== undefined);
  return table(
    [
      ...['', 'perplexity', '95 %', 'distinct-1', '-2', '-3', 'repetition', 'Zipf', 'self-BLEU'],
      ...(domain ? ['domain terms'] : []),
      ...['words', 'tokens/s'],
    ],
    rows.map(({ name, metrics, tokensPerSecond }) => [
      name,
      metrics.perplexity.toFixed(1),
      metrics.interval.map((end) => end.toFixed(1)).join(' to '),
      ...metrics.distinct.map((value) => value.toFixed(3)),
      ...[metrics.repetition, metrics.zipf, metrics.selfBleu].map((value) => value.toFixed(3)),
      ...(domain ? [(metrics.domainTerms ?? Number.NaN).toFixed(3)] : []),
      metrics.words.toFixed(1),
      tokensPerSecond.toFixed(1),
    ]),
  );
}
