import type { Frame, Run } from './run.ts';

/** Where the time of a step went, in milliseconds: members answer side by side, so the slowest counts. */
export interface StepTime {
  /** The member that was waited for. */
  readonly slowest: string;
  readonly model: number;
  readonly transport: number;
  readonly reduce: number;
  /** What the state machine, functions and stores took around it. */
  readonly rest: number;
  readonly total: number;
}

const sum = (parts: Readonly<Record<string, number>>) => Object.values(parts).reduce((all, value) => all + value, 0);

/** @param index of the frame; the first one's beginning is when the text was asked for */
export function stepTime({ frames }: Pick<Run, 'frames'>, index: number): StepTime {
  const { milliseconds, at } = frames[index];
  const total = Math.max(0, at - (frames[index - 1]?.at ?? 0));
  const { reduce = {}, ...members } = milliseconds;
  let slowest = '';
  let longest = -1;
  for (const [name, parts] of Object.entries(members)) {
    if (sum(parts) > longest) [slowest, longest] = [name, sum(parts)];
  }
  const { transport = 0, ...own } = members[slowest] ?? {};
  const model = sum(own);
  const known = model + transport + sum(reduce);
  return {
    ...{ slowest, model, transport, reduce: sum(reduce), rest: Math.max(0, total - known) },
    total: Math.max(total, known),
  };
}

/** Seconds, tokens and steps of a run so far. */
export function paceOf({ frames, commits }: Run): { seconds: number; tokens: number; steps: number } {
  const last: Frame | undefined = frames[frames.length - 1];
  return {
    ...{ seconds: (last?.at ?? 0) / 1000, steps: frames.length },
    tokens: commits.reduce((count, { tokens }) => count + tokens, 0),
  };
}

/** The timestep at or below which none is run, where a request says nothing of it. */
const usualStop = 0.4;

/**
 * How a block ended: it halted by itself, or ran out of timesteps, which an early stop cuts short. Undefined before its
 * end. A block of which every step has the same t ends only by itself.
 */
export function endOfBlock({ frames }: Pick<Run, 'frames'>, index: number): 'halted' | 'early stop' | undefined {
  const { done, t, block } = frames[index];
  if (!done) return undefined;
  const before = frames[index - 1];
  const stride = before?.block === block ? before.t - t : 0;
  // Timesteps are N parts of one, less what floating point makes of them.
  return stride > 0 && t - stride <= usualStop + stride / 2 ? 'early stop' : 'halted';
}
