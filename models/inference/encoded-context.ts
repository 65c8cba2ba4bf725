import type { Feed } from '../runtime/session.ts';

/** A context's keys and values, by the denoiser's input names: [1, heads, head width, context] and the last two swapped. */
export type EncodedContext = Readonly<Record<string, { data: Float32Array; shape: readonly number[] }>>;

/** Contexts of several lengths side by side, shorter ones behind zeros; a single one is passed on as it is. */
export function stackContexts(contexts: readonly EncodedContext[], length: number): Record<string, Feed> {
  if (contexts.length === 1) return contexts[0];
  return Object.fromEntries(
    Object.keys(contexts[0]).map((name) => {
      const [, heads, rows, columns] = contexts[0][name].shape;
      const isKeys = name.startsWith('keys');
      const width = isKeys ? rows : columns;
      const data = new Float32Array(contexts.length * heads * width * length);
      contexts.forEach((context, lane) => {
        const { data: source, shape } = context[name];
        const own = isKeys ? shape[3] : shape[2];
        const runs = isKeys ? heads * width : heads;
        const run = isKeys ? own : own * width;
        const target = isKeys ? length : length * width;
        for (let i = 0; i < runs; i++) {
          data.set(source.subarray(i * run, (i + 1) * run), (lane * runs + i + 1) * target - run);
        }
      });
      const shape = isKeys ? [contexts.length, heads, width, length] : [contexts.length, heads, length, width];
      return [name, { data, shape }];
    }),
  );
}
