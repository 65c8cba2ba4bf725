/** One server-sent event; without a name it is a message, as OpenAI's clients expect every event to be. */
export function sse(data: object | string, { event, id }: { event?: string; id?: number } = {}): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  const name = event === undefined ? '' : `event: ${event}\n`;
  return `${name}${id === undefined ? '' : `id: ${id}\n`}data: ${text}\n\n`;
}

/** What readers pass over. */
export function comment(text: string): string {
  return `: ${text}\n\n`;
}

export const eventStreamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};
