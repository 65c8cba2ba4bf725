import { useSignal } from '@preact/signals';
import { apiKey } from '../key.ts';
import { isCorrected } from '../settings.ts';
import { privateText, runNow } from '../shown-runs.ts';
import { settings } from '../state.ts';
import { closeDialog, Dialog, openDialog } from './dialog.tsx';

/** A document that the tenant's model reads and the core does not. */
export function DocumentDialog() {
  const draft = useSignal(privateText.value);
  const use = (event: Event) => {
    event.preventDefault();
    privateText.value = draft.value;
    if (!apiKey.value) openDialog('key');
    else {
      closeDialog();
      if (isCorrected(settings.value.right) || isCorrected(settings.value.left)) void runNow();
    }
  };
  return (
    <Dialog name="document" title="Private document">
      <form onSubmit={use}>
        <p>
          Only the tenant’s model reads it; the core never sees it. It is kept under your tenant for an hour, and is in
          no link that you share. Words that it made at least four times likelier are marked.
        </p>
        <label class="field">
          <span>Text</span>
          <textarea
            rows={8}
            value={draft.value}
            placeholder="Paste a handbook, a price list, a policy …"
            onInput={({ currentTarget }) => {
              draft.value = currentTarget.value;
            }}
          />
        </label>
        <div class="row end">
          <button
            type="button"
            class="quiet"
            disabled={privateText.value === '' && draft.value === ''}
            onClick={() => {
              draft.value = '';
              privateText.value = '';
            }}
          >
            Take it away
          </button>
          <button type="submit" class="primary" disabled={draft.value.trim() === ''}>
            Use it
          </button>
        </div>
      </form>
    </Dialog>
  );
}
