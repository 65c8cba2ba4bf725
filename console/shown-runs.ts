import { batch, signal } from '@preact/signals';
import { type ApiClient, isKeyRefused, Refused } from './api-client.ts';
import { apiKey, client, forgetKey, withOwnModels } from './key.ts';
import { cursor, following, picked, playing, reducedMotion, timeline } from './playback.ts';
import { generationBody } from './request-forms.ts';
import { withEvent } from './run/from-events.ts';
import { newRun, type Run } from './run/run.ts';
import { isCorrected, type Settings } from './settings.ts';
import { columns, emptyColumn, type Side, settings } from './state.ts';

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

// What nobody looks at is not paid for.
addEventListener('pagehide', () => abandon());

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
