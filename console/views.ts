import { signal } from '@preact/signals';

/** The pages, by the name that the address has. */
export const views = {
  '': 'Compare',
  batches: 'Batches',
  account: 'Usage and keys',
  operations: 'Operations',
} as const;
export type View = keyof typeof views;

const viewOf = (hash: string): View => {
  const name = /^#\/(\w*)/.exec(hash)?.[1] ?? '';
  return name in views ? (name as View) : '';
};

export const view = signal<View>(viewOf(location.hash));
addEventListener('hashchange', () => {
  view.value = viewOf(location.hash);
});
