import type { Played } from './player-page.ts';
import { fromRunFile } from './run/run-file.ts';
import { privateText, showRuns } from './shown-runs.ts';

/** A prompt that is ready, with a run of it that was recorded. */
export interface Example {
  /** Of the file with its recording. */
  readonly name: string;
  readonly title: string;
  readonly prompt: string;
}

/** One of each shipped tenant, and one with a private document. */
export const examples: readonly Example[] = [
  {
    name: 'contact-center',
    title: 'A contact centre',
    prompt: 'To transfer a call to another agent,',
  },
  { name: 'private-document', title: 'Its private handbook', prompt: 'To transfer a call to another agent,' },
  { name: 'broadcast-video', title: 'Broadcast video', prompt: 'To insert an advertisement into the stream,' },
  { name: 'fairy-tales', title: 'Fairy tales', prompt: 'The old king called his three daughters and said,' },
];

export async function playExample({ name }: Example): Promise<void> {
  const response = await fetch(`console/runs/${name}.json`);
  if (!response.ok) throw new Error(`the recorded run ${name} is not there: ${response.status}`);
  const { settings, runs, document } = (await response.json()) as Played;
  privateText.value = '';
  showRuns(settings, runs.map(fromRunFile), document);
}
