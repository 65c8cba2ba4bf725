import { computed, effect, signal } from '@preact/signals';
import { frameAt, timelineOf } from './run/timeline.ts';
import { columns, isRunning, runs, type Side } from './state.ts';

export const timeline = computed(() => timelineOf(runs.value));
/** Index of the moment that is shown. */
export const cursor = signal(0);
export const playing = signal(false);
export const speed = signal(1);
/** Whether the newest step is shown as it comes. */
export const following = signal(false);

export const frameIndex = columns.map((column) =>
  computed(() => (column.value.run ? frameAt(column.value.run.frames, timeline.value[cursor.value]) : -1)),
);

/** A word that is looked at. */
export interface Picked {
  readonly side: Side;
  readonly block: number;
  readonly position: number;
}
export const picked = signal<Picked | undefined>(undefined);

effect(() => {
  const last = timeline.value.length - 1;
  if (following.value && last > cursor.peek()) cursor.value = last;
});

export function goTo(index: number): void {
  const last = timeline.value.length - 1;
  cursor.value = Math.max(0, Math.min(last, index));
  following.value = isRunning.value && cursor.value === last;
}

export function stopPlaying(): void {
  playing.value = false;
}

export function togglePlaying(): void {
  if (playing.value) {
    playing.value = false;
    return;
  }
  if (isRunning.value) {
    goTo(timeline.value.length - 1);
    return;
  }
  if (cursor.value >= timeline.value.length - 1) cursor.value = 0;
  playing.value = true;
}

export const reducedMotion = () => globalThis.matchMedia('(prefers-reduced-motion: reduce)').matches;

const leastPace = 60;
const mostPace = 200;

/** Milliseconds a step, as the slower column had it, held to what an eye can follow. */
const pace = computed(() => {
  const longest = Math.max(0, ...runs.value.map(({ frames }) => frames.at(-1)?.at ?? 0));
  return Math.min(mostPace, Math.max(leastPace, longest / Math.max(1, timeline.value.length)));
});

/** The next moment; with reduced motion the next end of a block. */
function nextMoment(): number {
  const moments = timeline.value;
  if (!reducedMotion()) return cursor.value + 1;
  const { block } = moments[cursor.value] ?? { block: 0 };
  const next = moments.findIndex((moment, i) => i > cursor.value && moments[i + 1]?.block !== moment.block);
  return next < 0
    ? moments.length - 1
    : Math.max(
        next,
        moments.findLastIndex((moment) => moment.block === block),
      );
}

const blockPause = 1_500;

effect(() => {
  if (!playing.value) return undefined;
  let due = 0;
  let handle = requestAnimationFrame(function tick(now) {
    const wait = reducedMotion() ? blockPause : pace.peek() / speed.peek();
    if (due === 0) due = now + wait;
    if (now >= due) {
      due = Math.max(due + wait, now);
      cursor.value = Math.min(nextMoment(), timeline.peek().length - 1);
      if (cursor.peek() >= timeline.peek().length - 1) playing.value = false;
    }
    if (playing.peek()) handle = requestAnimationFrame(tick);
  });
  return () => cancelAnimationFrame(handle);
});
