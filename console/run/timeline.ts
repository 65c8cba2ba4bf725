import type { Frame, Run } from './run.ts';

/** A moment of all columns together. */
export interface Moment {
  readonly block: number;
  readonly step: number;
}

const isAfter = (a: Moment, b: Moment) => a.block > b.block || (a.block === b.block && a.step > b.step);

/** The moments of some runs, each once, in order. */
export function timelineOf(runs: readonly Run[]): Moment[] {
  const moments = new Map<string, Moment>();
  for (const { frames } of runs) {
    for (const { block, step } of frames) moments.set(`${block}/${step}`, { block, step });
  }
  return [...moments.values()].sort((a, b) => a.block - b.block || a.step - b.step);
}

/** The index of a run's last frame that is not after a moment; -1 before its first. */
export function frameAt(frames: readonly Frame[], moment: Moment | undefined): number {
  if (!moment) return -1;
  let low = 0;
  let high = frames.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isAfter(frames[middle], moment)) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}

export type TokenState = 'settled' | 'changed' | 'draft';

/** One token of a column at a moment. */
export interface Shown {
  readonly token: string;
  readonly state: TokenState;
  readonly frame: Frame;
  readonly position: number;
}

/** The tokens of a run as they stand after its frame of an index: blocks before, then the block that refines. */
export function shownTokens(run: Run, index: number): Shown[] {
  const current = run.frames[index];
  if (!current) return [];
  const before = run.frames.filter((frame, i) => i < index && frame.done && frame.block < current.block);
  return [...before, current].flatMap((frame) => {
    const kept = frame.done ? (run.commits.find(({ block }) => block === frame.block)?.tokens ?? 1e9) : 1e9;
    const changed = new Set(frame.changed);
    return frame.tokens.slice(0, kept).map((token, position) => {
      const stays = frame.done || position < frame.settled;
      const state: TokenState =
        changed.has(position) && frame === current && !frame.done ? 'changed' : stays ? 'settled' : 'draft';
      return { token, state, frame, position };
    });
  });
}
