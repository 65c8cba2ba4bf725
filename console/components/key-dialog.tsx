import { useSignal } from '@preact/signals';
import { apiKey, forgetKey, keyProblem, takeKey } from '../key.ts';
import { closeDialog, Dialog } from './dialog.tsx';

export function KeyDialog() {
  const text = useSignal('');
  const asking = useSignal(false);
  const take = async (event: Event) => {
    event.preventDefault();
    asking.value = true;
    const taken = await takeKey(text.value.trim());
    asking.value = false;
    if (!taken) return;
    text.value = '';
    closeDialog();
  };
  return (
    <Dialog name="key" title="API key">
      <form onSubmit={take}>
        <p>
          A key runs your own prompts. It stays in this tab, until the tab is closed, and goes to this service alone.
          <br />
          <code>slingshot up</code> prints one when it starts for the first time; <code>slingshot keys add TENANT</code>{' '}
          makes another.
        </p>
        <label class="field">
          <span>Key</span>
          <input
            type="password"
            name="key"
            placeholder="sl_live_…"
            autocomplete="off"
            spellcheck={false}
            required
            value={text.value}
            aria-describedby="key-problem"
            onInput={({ currentTarget }) => {
              text.value = currentTarget.value;
            }}
          />
        </label>
        <p id="key-problem" class="problem" role="alert" hidden={keyProblem.value === undefined}>
          {keyProblem.value}
        </p>
        <div class="row end">
          {apiKey.value ? (
            <button type="button" class="quiet" onClick={() => forgetKey()}>
              Forget the key in use
            </button>
          ) : null}
          <button type="submit" class="primary" disabled={asking.value || text.value.trim() === ''}>
            {asking.value ? 'Asking …' : 'Use it'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
