import { completionTokens } from '../../api/asked-of.ts';
import type { NormalRow } from '../../contracts/batch/row.ts';
import { requestSchema } from '../../contracts/request.ts';
import { defaultTokens } from '../../prepare/prepare.ts';

/** What a row may make and take at most. */
export interface RowCost {
  /** Committed, over all its texts. */
  readonly tokens: number;
  /** Denoise steps, over all its texts, of blocks of the shortest kind. */
  readonly steps: number;
}

/** The same of rows that are run together, by chunk. */
export interface ChunkCosts {
  readonly requests: number[];
  readonly tokens: number[];
  readonly steps: number[];
}

/** The shipped models' block; a step is counted by block, and a model of another block counts a little more or less. */
const usualBlock = 25;
const usualSteps = requestSchema.parse({ prompt: '-' }).steps;

/** Before any model is asked: by what the body says, and by the defaults where it says nothing. */
export function costOfRow({ form, body }: Pick<NormalRow, 'form' | 'body'>): RowCost {
  const { n, prompt, slingshot } = body as { n?: number; prompt?: unknown; slingshot?: { steps?: number } };
  const { max_tokens, max_completion_tokens } = body as { max_tokens?: number; max_completion_tokens?: number };
  const texts = (n ?? 1) * (Array.isArray(prompt) ? prompt.length : 1);
  const usual = form === '/v1/completions' ? completionTokens : defaultTokens;
  const tokens = max_completion_tokens ?? max_tokens ?? usual;
  const blocks = Math.ceil(tokens / usualBlock);
  return { tokens: texts * tokens, steps: texts * blocks * (slingshot?.steps ?? usualSteps) };
}

const measures = ['requests', 'tokens', 'steps'] as const;
export type Room = Readonly<Record<(typeof measures)[number], number>>;

/**
 * How many chunks, from the first on, there is room for; those that are done take none. What fits is whole chunks, so
 * that a chunk is the same in every run.
 */
export function chunksWithin(
  costs: ChunkCosts,
  room: Room,
  done: ReadonlySet<number>,
): { chunks: number; taken: Room } {
  const taken = { requests: 0, tokens: 0, steps: 0 };
  for (let chunk = 0; chunk < costs.tokens.length; chunk++) {
    if (done.has(chunk)) continue;
    if (measures.some((name) => taken[name] + costs[name][chunk] > room[name])) return { chunks: chunk, taken };
    for (const name of measures) taken[name] += costs[name][chunk];
  }
  return { chunks: costs.tokens.length, taken };
}
