import { computed, signal } from '@preact/signals';
import type { Run } from './run/run.ts';
import { fromFragment, type Settings, toFragment, usual } from './settings.ts';

/** What one of the two columns shows. */
export interface Column {
  readonly run: Run | undefined;
  /** How the run came here. */
  readonly source: 'recorded' | 'live';
  /** Whether events of a run of now come. */
  readonly connected: boolean;
  /** Why there is no run, or no more of it. */
  readonly problem: string | undefined;
}

export const emptyColumn: Column = { run: undefined, source: 'live', connected: true, problem: undefined };

export const settings = signal<Settings>({ ...usual, prompt: 'To transfer a call to another agent,' });
export const columns = [signal<Column>(emptyColumn), signal<Column>(emptyColumn)] as const;
export type Side = 0 | 1;

export const isRunning = computed(() => columns.some(({ value }) => value.run?.status === 'running'));
export const runs = computed(() => columns.flatMap(({ value: { run } }) => (run ? [run] : [])));

export const link = () => `${location.origin}${location.pathname}${toFragment(settings.value)}`;

/** @returns whether the page's address has settings */
export function readFragment(): boolean {
  const found = fromFragment(location.hash);
  if (found) settings.value = found;
  return found !== undefined;
}
