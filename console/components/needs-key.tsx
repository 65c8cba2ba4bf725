import { openDialog } from './dialog.tsx';
import { Key } from './icons.tsx';

/** What a page is until there is a key. */
export function NeedsKey({ what }: { what: string }) {
  return (
    <main class="page">
      <div class="needs-key">
        <h1>A key first</h1>
        <p>This page shows {what}, which takes an API key.</p>
        <button type="button" class="primary" onClick={() => openDialog('key')}>
          <Key /> Use a key
        </button>
      </div>
    </main>
  );
}
