import type { NextToken } from '../autoregressive/next-token.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { bootstrapInterval } from './statistics.ts';

/** A text that was generated after a prompt. */
export interface Sample {
  readonly prompt: string;
  readonly text: string;
}

export interface Perplexity {
  readonly perplexity: number;
  /** 95 %, by resampling the samples. */
  readonly interval: readonly [number, number];
}

/** exp(total cross-entropy / tokens) of texts given their prompts, under an autoregressive model; empty texts are left out. */
export async function perplexity(
  judge: NextToken,
  tokenizer: Tokenizer,
  samples: readonly Sample[],
): Promise<Perplexity> {
  const costs: { nats: number; tokens: number }[] = [];
  for (const { prompt, text } of samples) {
    const before = (await tokenizer.encode(prompt)).length;
    const ids = (await tokenizer.encode(prompt + text)).slice(0, judge.config.positions);
    if (ids.length <= before) continue;
    const losses = (await judge.losses(ids)).subarray(before - 1);
    costs.push({ nats: losses.reduce((a, b) => a + b, 0), tokens: losses.length });
  }
  if (costs.length === 0) return { perplexity: Number.NaN, interval: [Number.NaN, Number.NaN] };
  const of = (some: readonly { nats: number; tokens: number }[]) =>
    Math.exp(some.reduce((a, { nats }) => a + nats, 0) / some.reduce((a, { tokens }) => a + tokens, 0));
  return { perplexity: of(costs), interval: bootstrapInterval(costs, of) };
}
