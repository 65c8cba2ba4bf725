import { batch, computed, signal } from '@preact/signals';
import { ApiClient, isKeyRefused } from './api-client.ts';
import { isCorrected, type Settings } from './settings.ts';
import { settings } from './state.ts';

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
export function withOwnModels(wanted: Settings): Settings {
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
