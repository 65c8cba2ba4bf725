import { bootstrapInterval } from './statistics.ts';
import type { Sample, TextCost, TextJudge } from './text-judge.ts';

export interface Perplexity {
  readonly perplexity: number;
  /** 95 %, by resampling the samples. */
  readonly interval: readonly [number, number];
}

/** exp(total cross-entropy / tokens) of texts given their prompts; empty texts are left out. */
export async function perplexity(judge: TextJudge, samples: readonly Sample[]): Promise<Perplexity> {
  const costs: TextCost[] = [];
  for (const sample of samples) {
    const cost = await judge.cost(sample);
    if (cost.tokens > 0) costs.push(cost);
  }
  if (costs.length === 0) return { perplexity: Number.NaN, interval: [Number.NaN, Number.NaN] };
  const of = (some: readonly TextCost[]) =>
    Math.exp(some.reduce((a, { nats }) => a + nats, 0) / some.reduce((a, { tokens }) => a + tokens, 0));
  return { perplexity: of(costs), interval: bootstrapInterval(costs, of) };
}
