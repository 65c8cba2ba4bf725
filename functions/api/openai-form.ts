import type { Usage } from '../contracts/api/fields.ts';
import type { GenerationRecord, RecordedLane } from '../contracts/generation-record.ts';
import type { ToldToken } from './told-tokens.ts';

/** How one of OpenAI's two routes writes what both tell. */
export interface OpenAiForm {
  readonly object: string;
  readonly chunkObject: string;
  readonly choice: (index: number, lane: RecordedLane, tokens: readonly ToldToken[] | undefined) => object;
  /** The chunk that begins a choice, if there is one. */
  readonly opening: (index: number) => object | undefined;
  readonly delta: (
    index: number,
    text: string,
    tokens: readonly ToldToken[] | undefined,
    finish: RecordedLane['finish'],
  ) => object;
}

/** @param offset of the first token in the choice's text, in characters */
export function completionLogprobs(tokens: readonly ToldToken[] | undefined, offset = 0): object | null {
  if (!tokens) return null;
  let at = offset;
  const offsets = tokens.map(({ token }) => {
    const here = at;
    at += token.length;
    return here;
  });
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logProbability }) => logProbability),
    top_logprobs: tokens.map(({ likely }) => Object.fromEntries(likely)),
    text_offset: offsets,
  };
}

export const completionForm: OpenAiForm = {
  object: 'text_completion',
  chunkObject: 'text_completion',
  choice: (index, { text, finish }, tokens) => ({
    ...{ text, index, finish_reason: finish },
    logprobs: completionLogprobs(tokens),
  }),
  opening: () => undefined,
  delta: (index, text, tokens, finish) => ({
    ...{ text, index, finish_reason: finish },
    logprobs: completionLogprobs(tokens),
  }),
};

function tokenLogprob(token: string, logprob: number) {
  // Bytes that are a part of a character have no text of their own.
  return { token, logprob, bytes: token.includes('\ufffd') ? null : [...Buffer.from(token)] };
}

function chatLogprobs(tokens: readonly ToldToken[] | undefined): object | null {
  if (!tokens) return null;
  const content = tokens.map(({ token, logProbability, likely }) => ({
    ...tokenLogprob(token, logProbability),
    top_logprobs: likely.map(([other, value]) => tokenLogprob(other, value)),
  }));
  return { content, refusal: null };
}

export const chatForm: OpenAiForm = {
  object: 'chat.completion',
  chunkObject: 'chat.completion.chunk',
  choice: (index, { text, finish }, tokens) => ({
    index,
    message: { role: 'assistant', content: text, refusal: null },
    finish_reason: finish,
    logprobs: chatLogprobs(tokens),
  }),
  opening: (index) => ({
    ...{ index, delta: { role: 'assistant', content: '' } },
    ...{ finish_reason: null, logprobs: null },
  }),
  delta: (index, text, tokens, finish) => ({
    index,
    delta: text === '' ? {} : { content: text },
    finish_reason: finish,
    logprobs: chatLogprobs(tokens),
  }),
};

export function usageOf({ lanes, promptTokens }: Pick<GenerationRecord, 'lanes' | 'promptTokens'>): Usage {
  const completion = lanes.reduce((sum, { tokens }) => sum + tokens, 0);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completion,
    total_tokens: promptTokens + completion,
  };
}

export function stepsOf({ lanes }: Pick<GenerationRecord, 'lanes'>): number {
  return lanes.reduce((sum, { steps }) => sum + steps, 0);
}

export function secondsOf(time: string): number {
  return Math.floor(Date.parse(time) / 1000);
}
