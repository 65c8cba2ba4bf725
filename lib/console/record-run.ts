import { createParser } from 'eventsource-parser';
import { generationBody } from '../../console/request-forms.ts';
import { withEvent } from '../../console/run/from-events.ts';
import { newRun, type Run } from '../../console/run/run.ts';
import type { Settings } from '../../console/settings.ts';

export interface Wanted {
  readonly url: string;
  readonly key: string;
  readonly settings: Settings;
  readonly model: string;
  /** A private document's text. */
  readonly document?: string | undefined;
}

/** A run as the page would have it: asked of the service, and made of its events. */
export async function recordRun({ url, key, settings, model, document }: Wanted): Promise<Run> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const post = async (path: string, body: object) => {
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    const answer = (await response.json()) as { id: string };
    if (!response.ok) throw new Error(`${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
  };
  const isPrivate = document !== undefined && model.includes('+');
  const context = isPrivate ? (await post('/v1/contexts', { content: document })).id : undefined;
  const started = performance.now();
  const { id } = await post('/v1/generations', generationBody({ settings, model, context }));
  const events = await fetch(`${url}/v1/generations/${id}/events`, { headers });
  let run = newRun({ model, prompt: settings.prompt, seed: settings.seed, private: isPrivate });
  const parser = createParser({
    onEvent: ({ event = 'message', data }) => {
      run = withEvent(run, { event, data }, performance.now() - started);
    },
  });
  for await (const chunk of (events.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
    parser.feed(chunk);
  }
  if (run.status !== 'succeeded') throw new Error(`${model}: ${run.status} ${run.error ?? ''}`);
  return run;
}
