import { batch, computed, effect, signal } from '@preact/signals';
import { ApiClient, isKeyRefused, Refused } from './api-client.ts';
import { generationBody } from './request-forms.ts';
import { withEvent } from './run/from-events.ts';
import { newRun, type Run } from './run/run.ts';
import { frameAt, timelineOf } from './run/timeline.ts';
import { fromFragment, isCorrected, type Settings, toFragment, usual } from './settings.ts';

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

const emptyColumn: Column = { run: undefined, source: 'live', connected: true, problem: undefined };

export const settings = signal<Settings>({ ...usual, prompt: 'To transfer a call to another agent,' });
export const columns = [signal<Column>(emptyColumn), signal<Column>(emptyColumn)] as const;
export type Side = 0 | 1;

export const isRunning = computed(() => columns.some(({ value }) => value.run?.status === 'running'));
export const runs = computed(() => columns.flatMap(({ value: { run } }) => (run ? [run] : [])));

// Key and models

const keyItem = 'slingshot.key';
/** For as long as the tab is open, and no longer. */
export const apiKey = signal<string | undefined>(storage()?.getItem(keyItem) ?? undefined);
export const client = computed(() => (apiKey.value === undefined ? undefined : new ApiClient(apiKey.value)));
/** Those that the key may use; none without one. */
export const models = signal<readonly string[]>([]);
export const keyProblem = signal<string | undefined>(undefined);

/** A file's page has none, and a browser may forbid it. */
function storage(): Storage | undefined {
  try {
    return globalThis.sessionStorage;
  } catch {
    return undefined;
  }
}

export function forgetKey(problem?: string): void {
  storage()?.removeItem(keyItem);
  batch(() => {
    apiKey.value = undefined;
    models.value = [];
    keyProblem.value = problem;
  });
}

/** Settings whose models are the key's: another tenant's is exchanged for the key's own. */
function withOwnModels(wanted: Settings): Settings {
  const own = models.value;
  if (own.length === 0) return wanted;
  const known = (model: string, usually: string | undefined) => (own.includes(model) ? model : (usually ?? own[0]));
  return { ...wanted, left: known(wanted.left, own[0]), right: known(wanted.right, own.find(isCorrected) ?? own[1]) };
}

/** @returns whether the service takes the key */
export async function takeKey(key: string): Promise<boolean> {
  try {
    const found = await new ApiClient(key).models();
    storage()?.setItem(keyItem, key);
    batch(() => {
      apiKey.value = key;
      models.value = found;
      keyProblem.value = undefined;
      settings.value = withOwnModels(settings.value);
    });
    return true;
  } catch (error) {
    if (isKeyRefused(error)) forgetKey('The service does not take this key. It may have expired or been disabled.');
    else keyProblem.value = `The service could not be asked: ${(error as Error).message}`;
    return false;
  }
}

// Playback

export const timeline = computed(() => timelineOf(runs.value));
/** Index of the moment that is shown. */
export const cursor = signal(0);
export const playing = signal(false);
export const speed = signal(1);
/** Whether the newest step is shown as it comes. */
const following = signal(false);

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

// Runs

/** The document of the example that is shown, which is nobody's secret. */
export const shownDocument = signal<string | undefined>(undefined);

/** Shows runs that were recorded, one or two, and plays them. */
export function showRuns(recorded: Settings, [left, right]: readonly Run[], document?: string): void {
  abandon();
  batch(() => {
    settings.value = withOwnModels(recorded);
    columns[0].value = { ...emptyColumn, run: left, source: 'recorded' };
    columns[1].value = { ...emptyColumn, run: right, source: 'recorded' };
    shownDocument.value = document;
    picked.value = undefined;
    following.value = false;
    cursor.value = reducedMotion() ? timeline.value.length - 1 : 0;
    playing.value = !reducedMotion();
  });
}

/** The text of a private document, and what the service calls it once it is there. In no link, and on no disk. */
export const privateText = signal('');
let keptContext: { readonly text: string; readonly key: string; readonly id: string } | undefined;
const contextSeconds = 3_600;

async function contextId(api: ApiClient): Promise<string | undefined> {
  const text = privateText.value;
  const key = apiKey.value ?? '';
  if (text.trim() === '') return undefined;
  if (keptContext?.text !== text || keptContext.key !== key) {
    const { id } = await api.createContext(text, contextSeconds);
    keptContext = { text, key, id };
  }
  return keptContext.id;
}

interface Live {
  readonly abort: AbortController;
  id?: string;
}
const live: (Live | undefined)[] = [undefined, undefined];

/** Leaves runs of now alone, and takes no notice of what they still say. */
function abandon(sides: readonly Side[] = [0, 1]): void {
  for (const side of sides) {
    const running = live[side];
    live[side] = undefined;
    if (!running) continue;
    running.abort.abort();
    // Whoever stops looking stops paying.
    if (running.id !== undefined) client.value?.cancel(running.id).catch(() => {});
  }
}

/** Runs the settings on one or both sides. */
export async function runNow(sides: readonly Side[] = [0, 1]): Promise<void> {
  const api = client.value;
  if (!api) return;
  abandon(sides);
  shownDocument.value = undefined;
  playing.value = false;
  picked.value = undefined;
  following.value = true;
  await Promise.all(sides.map((side) => runSide(api, side)));
}

async function runSide(api: ApiClient, side: Side): Promise<void> {
  const now = settings.value;
  const model = side === 0 ? now.left : now.right;
  const column = columns[side];
  const own: Live = { abort: new AbortController() };
  live[side] = own;
  const { signal: aborted } = own.abort;
  const isPrivate = isCorrected(model) && privateText.value.trim() !== '';
  let run = newRun({ model, prompt: now.prompt, seed: now.seed, private: isPrivate });
  let told = false;
  // Events may come faster than frames are drawn.
  const tell = () => {
    if (told) return;
    told = true;
    requestAnimationFrame(() => {
      told = false;
      if (live[side] === own) column.value = { ...column.value, run };
    });
  };
  const started = performance.now();
  batch(() => {
    column.value = { ...emptyColumn, run };
    cursor.value = 0;
  });
  try {
    const context = isPrivate ? await contextId(api) : undefined;
    const { id } = await api.create(generationBody({ settings: now, model, context }), aborted);
    own.id = id;
    await api.follow(id, {
      signal: aborted,
      onEvent: (event) => {
        run = withEvent(run, event, performance.now() - started);
        tell();
      },
      onConnection: (connected) => {
        if (live[side] === own && column.value.connected !== connected) column.value = { ...column.value, connected };
      },
    });
    if (live[side] !== own) return;
    live[side] = undefined;
    column.value = { ...column.value, run, problem: run.error ?? undefined };
  } catch (error) {
    if (aborted.aborted || live[side] !== own) return;
    live[side] = undefined;
    if (isKeyRefused(error)) forgetKey('The key was refused. It may have expired or been disabled; give another one.');
    const problem =
      error instanceof Refused ? error.message : `The service could not be reached: ${(error as Error).message}`;
    column.value = { ...column.value, run: { ...run, status: 'failed' }, problem };
  }
}

/** Asks the service to stop what runs; what is committed stays. */
export async function cancelRuns(): Promise<void> {
  const api = client.value;
  await Promise.all(
    live.map(async (running) => {
      if (api && running?.id !== undefined) await api.cancel(running.id).catch(() => {});
    }),
  );
}

let settling: ReturnType<typeof setTimeout> | undefined;
const settleMilliseconds = 350;

/** Changes settings; where only the tenant's column is touched, and there is a key, it runs again by itself. */
export function change(changed: Partial<Settings>): void {
  settings.value = { ...settings.value, ...changed };
  const own = Object.keys(changed).every((name) => name === 'weight' || name === 'contrast');
  if (!own || !client.value || !columns[1].value.run) return;
  // Beside a recorded run, the core's is run, too.
  const sides: readonly Side[] = columns[0].value.source === 'live' ? [1] : [0, 1];
  clearTimeout(settling);
  settling = setTimeout(() => void runNow(sides), settleMilliseconds);
}

// Links

export const link = () => `${location.origin}${location.pathname}${toFragment(settings.value)}`;

/** @returns whether the page's address has settings */
export function readFragment(): boolean {
  const found = fromFragment(location.hash);
  if (found) settings.value = found;
  return found !== undefined;
}
