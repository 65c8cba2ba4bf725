import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { bootstrapInterval } from './statistics.ts';

/** An OpenAI-compatible chat-completions service. */
export interface JudgeService {
  /** Up to and without /chat/completions. */
  readonly url: string;
  readonly model: string;
  readonly key?: string;
  readonly timeoutMilliseconds: number;
}

/** One question and the two answers to it. */
export interface Pair {
  readonly question: string;
  readonly a: string;
  readonly b: string;
}

export type Verdict = 'a' | 'b' | 'tie';

export interface Comparison {
  /** By pair: whoever won in both orders, else a tie. */
  readonly verdicts: readonly Verdict[];
  /** Pairs on which the order of the answers changed the verdict. */
  readonly inconsistent: number;
  /** The share of pairs that A won, a tie counting half, and its 95 % interval by resampling the pairs. */
  readonly winRate: number;
  readonly interval: readonly [number, number];
}

/** A service that cannot be asked, or does not answer as asked. */
export class JudgeError extends Error {
  override name = 'JudgeError';
}

const instructions =
  'You compare the answers of two assistants to one question. Judge helpfulness, relevance, accuracy and level of ' +
  'detail; let neither length nor the order of the answers sway you. Explain in a few sentences, then end with a line ' +
  'of its own: [[A]] if assistant A is better, [[B]] if assistant B is better, or [[C]] for a tie.';

const answerSchema = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string() }) })).min(1),
});

/**
 * Asks for each pair twice, the answers swapped the second time, as the paper's comparison by GPT-4 does against the
 * judge's liking for a position.
 *
 * @throws JudgeError
 */
export async function compare(
  service: JudgeService,
  pairs: readonly Pair[],
  onProgress: (done: number) => void = () => {},
): Promise<Comparison> {
  const verdicts: Verdict[] = [];
  let inconsistent = 0;
  for (const { question, a, b } of pairs) {
    const first = await ask(service, question, a, b);
    const second = mirrored[await ask(service, question, b, a)];
    if (first !== second) inconsistent++;
    verdicts.push(first === second ? first : 'tie');
    onProgress(verdicts.length);
  }
  const rate = (some: readonly Verdict[]) =>
    some.reduce((sum, verdict) => sum + { a: 1, tie: 0.5, b: 0 }[verdict], 0) / some.length;
  return { verdicts, inconsistent, winRate: rate(verdicts), interval: bootstrapInterval(verdicts, rate) };
}

const mirrored: Record<Verdict, Verdict> = { a: 'b', b: 'a', tie: 'tie' };
const attempts = 4;

async function ask(service: JudgeService, question: string, a: string, b: string): Promise<Verdict> {
  const content = `[Question]\n${question}\n\n[Assistant A]\n${a}\n[End of A]\n\n[Assistant B]\n${b}\n[End of B]`;
  const body = JSON.stringify({
    model: service.model,
    temperature: 0,
    messages: [
      { role: 'system', content: instructions },
      { role: 'user', content },
    ],
  });
  for (let attempt = 1; ; attempt++) {
    const { status, text, wait } = await post(service, body);
    if (status === 200) return verdictOf(text);
    const busy = status === 429 || status >= 500 || status === 0;
    if (!busy || attempt === attempts) {
      throw new JudgeError(`${service.url}: ${status === 0 ? text : `status ${status}: ${text.slice(0, 200)}`}`);
    }
    await sleep(wait ?? 500 * 2 ** attempt);
  }
}

/** Status 0: no answer at all, and why. */
async function post({ url, key, timeoutMilliseconds }: JudgeService, body: string) {
  try {
    const response = await fetch(`${url.replace(/\/$/, '')}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) },
      body,
      signal: AbortSignal.timeout(timeoutMilliseconds),
    });
    const after = Number(response.headers.get('retry-after') ?? Number.NaN);
    return {
      status: response.status,
      text: await response.text(),
      wait: Number.isNaN(after) ? undefined : 1000 * after,
    };
  } catch (error) {
    const { cause, message } = error as Error;
    return { status: 0, text: cause instanceof Error ? cause.message : message, wait: undefined };
  }
}

function verdictOf(body: string): Verdict {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw new JudgeError(`the judge's answer is not JSON: ${body.slice(0, 100)}`);
  }
  const parsed = answerSchema.safeParse(json);
  if (!parsed.success) throw new JudgeError(`the judge's answer has no choices[0].message.content`);
  const { content } = parsed.data.choices[0].message;
  const letter = [...content.matchAll(/\[\[([ABC])\]\]/g)].at(-1)?.[1];
  if (!letter) throw new JudgeError(`the judge gave no verdict: ${content.slice(-100)}`);
  return ({ A: 'a', B: 'b', C: 'tie' } as const)[letter as 'A' | 'B' | 'C'];
}
