import { render } from 'preact';
import { App } from './components/app.tsx';
import { Player } from './components/player.tsx';
import { examples, playExample } from './examples.ts';
import type { Played } from './player-page.ts';
import { fromRunFile } from './run/run-file.ts';
import { apiKey, readFragment, showRuns, takeKey } from './state.ts';
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

async function start(): Promise<void> {
  const [, key] = /^#key=([\w-]+)$/.exec(location.hash) ?? [];
  // A key in the address would stay in the history.
  if (key !== undefined) history.replaceState(null, '', location.pathname);
  const isShared = readFragment();
  render(<App />, place);
  const given = key ?? apiKey.value;
  await Promise.all([
    isShared ? undefined : playExample(examples[0]),
    given === undefined ? undefined : takeKey(given),
  ]);
}
