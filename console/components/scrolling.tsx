import type { ComponentChildren } from 'preact';

/** What may be wider than a phone: it scrolls by itself, by keys, too. */
export function Scrolling({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it
    <section class="table" aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
