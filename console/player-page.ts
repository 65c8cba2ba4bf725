import type { RunFile } from './run/run-file.ts';
import type { Settings } from './settings.ts';

/** What a one-file page plays: one run, or two of the same prompt. */
export interface Played {
  readonly settings: Settings;
  readonly runs: readonly RunFile[];
  /** What the tenant's model read: of an example that everybody may see, never of a run of one's own. */
  readonly document?: string;
}

/** Stands in the player's page where its runs belong. */
export const placeOfRuns = '"runs belong here"';

/** The player with its runs. Text cannot end the element that it stands in: it has no `<`. */
export function playerPage(template: string, played: Played): string {
  const data = JSON.stringify(played).replaceAll('<', '\\u003c');
  // A replacement by a function, since `$` in the text would mean something.
  return template.replace(placeOfRuns, () => data);
}
