import type { ChatRequest } from '../contracts/api/chat.ts';
import type { CompletionRequest } from '../contracts/api/completions.ts';
import type { ApiGenerationRequest } from '../contracts/api/generations.ts';
import type { Prompt } from '../contracts/request.ts';
import type { Asked } from './service-request.ts';

/** What a body of each route that generates asks for; who watches is another matter. */
export type AskedText = Omit<Asked, 'watched' | 'detailed'>;

/** OpenAI's default where a completion says no length. */
export const completionTokens = 16;

export function completionAsked(body: CompletionRequest): AskedText {
  const { prompt, max_tokens: tokens = completionTokens, suffix } = body;
  return { ...sampling(body), prompts: [prompt].flat(), tokens, suffix: suffix || undefined };
}

export function chatAsked(body: ChatRequest): AskedText {
  const tokens = body.max_completion_tokens ?? body.max_tokens;
  return { ...sampling(body), prompts: [conversation(body.messages)], tokens };
}

export function generationAsked(body: ApiGenerationRequest): AskedText {
  const { messages, prompt, max_tokens: tokens } = body;
  return { ...sampling(body), prompts: messages ? [conversation(messages)] : [prompt ?? ''].flat(), tokens };
}

function sampling({ model, n, seed, stop, temperature, top_p, slingshot = {} }: Sampled): Omit<AskedText, 'prompts'> {
  return { model, n, seed, stop, temperature, top_p, slingshot };
}

type Sampled = Pick<CompletionRequest, 'model' | 'n' | 'seed' | 'stop' | 'temperature' | 'top_p' | 'slingshot'>;

function conversation(messages: ChatRequest['messages']): Prompt {
  return messages.map(({ role, content }) => ({ role: role === 'developer' ? 'system' : role, content }));
}
