import { render } from 'preact';
import { App } from './components/app.tsx';
import { Player } from './components/player.tsx';
import { examples, playExample } from './examples.ts';
import { apiKey, models, takeKey } from './key.ts';
import type { Played } from './player-page.ts';
import { fromRunFile } from './run/run-file.ts';
import { isCorrected } from './settings.ts';
import { showRuns } from './shown-runs.ts';
import { readFragment } from './state.ts';
import './themes.ts';

const place = document.getElementById('app') as HTMLElement;
const embedded = document.getElementById('runs')?.textContent;

if (embedded) {
  const { settings, runs } = JSON.parse(embedded) as Played;
  showRuns(settings, runs.map(fromRunFile));
  render(<Player single={runs.length === 1} />, place);
} else {
  void start();
}

const patience = 300;

async function start(): Promise<void> {
  const [, key] = /^#key=([\w-]+)$/.exec(location.hash) ?? [];
  // A key in the address would stay in the history.
  if (key !== undefined) history.replaceState(null, '', location.pathname);
  const isShared = readFragment();
  render(<App />, place);
  const given = key ?? apiKey.value;
  const taken = given === undefined ? undefined : takeKey(given);
  if (isShared) return;
  // A key's tenant has an example of its own; but nobody waits for that.
  await Promise.race([taken, new Promise((resolve) => setTimeout(resolve, patience))]);
  const own = models.value.find(isCorrected)?.split('+')[1];
  await playExample(examples.find(({ name }) => name === own) ?? examples[0]);
}
