import { playerPage } from './player-page.ts';
import { toRunFile } from './run/run-file.ts';
import { columns, settings } from './state.ts';

/** Saves what the columns show as one file that plays by itself. A private document is not in it; words of it may be. */
export async function downloadRun(): Promise<void> {
  const [left, right] = columns.map(({ value }) => value.run);
  if (!left || !right) return;
  const response = await fetch('console/player.html');
  if (!response.ok) throw new Error(`the player is not there: ${response.status}`);
  const page = playerPage(await response.text(), {
    settings: settings.value,
    runs: [toRunFile(left), toRunFile(right)],
  });
  saveAs(new Blob([page], { type: 'text/html' }), `slingshot-${settings.value.seed}.html`);
}

const laterMilliseconds = 10_000;

/** Has the browser save a file. */
export function saveAs(content: Blob, name: string): void {
  const address = URL.createObjectURL(content);
  const anchor = document.createElement('a');
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), laterMilliseconds);
}
