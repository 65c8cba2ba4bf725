import { useSignal } from '@preact/signals';

const shownMilliseconds = 1_600;

/** A button that copies a text, and says so. */
export function Copy({ text, label = 'Copy' }: { text: () => string; label?: string }) {
  const said = useSignal('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      said.value = 'Copied';
    } catch {
      said.value = 'The browser does not let this page copy';
    }
    setTimeout(() => {
      said.value = '';
    }, shownMilliseconds);
  };
  return (
    <button type="button" class="quiet" onClick={copy}>
      <span aria-live="polite">{said.value || label}</span>
    </button>
  );
}
