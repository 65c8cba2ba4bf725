import type { NextToken } from '../autoregressive/next-token.ts';
import type { NgramModel } from '../ngram/ngram-model.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/** A text that was generated after a prompt. */
export interface Sample {
  readonly prompt: string;
  readonly text: string;
}

/** What a text costs a judge, its prompt given. */
export interface TextCost {
  readonly nats: number;
  readonly tokens: number;
  /** UTF-16 code units of what was judged. */
  readonly characters: number;
}

/** A model that texts are read by; it says something of them only when it is independent of whoever wrote them. */
export interface TextJudge {
  cost(sample: Sample): Promise<TextCost>;
}

/** Reads as much of prompt and text as the model's positions hold. */
export function autoregressiveJudge(model: NextToken, tokenizer: Tokenizer): TextJudge {
  return {
    async cost(sample) {
      const { ids, before: prompted } = await encoded(tokenizer, sample);
      // Of a text without a prompt the first token follows the end of another.
      if (prompted === 0) ids.unshift(tokenizer.endOfText);
      const before = Math.max(prompted, 1);
      const read = ids.slice(0, model.config.positions);
      if (read.length <= before) return { nats: 0, tokens: 0, characters: 0 };
      const losses = (await model.losses(read)).subarray(before - 1);
      const whole = read.length === ids.length;
      const characters = whole ? sample.text.length : (await tokenizer.decode(read.slice(before))).length;
      return { nats: sum(losses), tokens: losses.length, characters };
    },
  };
}

export function ngramJudge(model: NgramModel, tokenizer: Tokenizer): TextJudge {
  return {
    async cost(sample) {
      const { ids, before } = await encoded(tokenizer, sample);
      const losses = model.losses(ids, before);
      return { nats: sum(losses), tokens: losses.length, characters: sample.text.length };
    },
  };
}

/** The tokens of prompt and text together, and how many of them the prompt has alone. */
async function encoded(tokenizer: Tokenizer, { prompt, text }: Sample): Promise<{ ids: number[]; before: number }> {
  return { ids: await tokenizer.encode(prompt + text), before: (await tokenizer.encode(prompt)).length };
}

function sum(values: Float32Array): number {
  return values.reduce((a, b) => a + b, 0);
}
