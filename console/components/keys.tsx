import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ApiKeyInfo, ApiNewKey } from '../../functions/contracts/api/keys.ts';
import { client } from '../key.ts';
import { Copy } from './copy.tsx';
import { Table } from './table.tsx';

const day = (seconds: number) => new Date(1000 * seconds).toLocaleDateString('en-GB', { dateStyle: 'medium' });

function standing({ disabled, expires }: ApiKeyInfo): string {
  if (disabled) return 'disabled';
  if (expires === null) return 'works';
  return 1000 * expires < Date.now() ? `ended ${day(expires)}` : `until ${day(expires)}`;
}

/** The tenant's keys: made, shown once, and disabled. */
export function Keys() {
  const keys = useSignal<readonly ApiKeyInfo[] | undefined>(undefined);
  const made = useSignal<ApiNewKey | undefined>(undefined);
  const label = useSignal('');
  const problem = useSignal<string | undefined>(undefined);
  const api = client.value;
  const attempt = async (act: () => Promise<unknown>) => {
    try {
      await act();
      keys.value = await api?.keys();
      problem.value = undefined;
    } catch (error) {
      problem.value = (error as Error).message;
    }
  };
  useEffect(() => {
    void attempt(async () => {});
  }, [api]);
  const make = (event: Event) => {
    event.preventDefault();
    void attempt(async () => {
      made.value = await api?.createKey(label.value.trim());
      label.value = '';
    });
  };
  return (
    <section class="panel" aria-labelledby="keys">
      <h2 id="keys">Keys</h2>
      {problem.value === undefined ? null : (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
      {made.value ? (
        <div class="new-key" role="status">
          <p>The new key, shown this once:</p>
          <code>{made.value.key}</code>
          <Copy text={() => made.value?.key ?? ''} label="Copy the key" />
        </div>
      ) : null}
      <Table name="Keys" columns={['Key', 'For', 'May', 'Standing', { name: 'Disable', hidden: true }]}>
        {keys.value?.map((key) => (
          <tr key={key.id}>
            <td>
              <code>{key.id}</code>
            </td>
            <td>{key.label ?? ''}</td>
            <td>{key.scopes.join(', ')}</td>
            <td>{standing(key)}</td>
            <td class="number">
              {key.disabled ? null : (
                <button
                  type="button"
                  class="quiet"
                  aria-label={`Disable ${key.id}`}
                  onClick={() => void attempt(async () => api?.disableKey(key.id))}
                >
                  Disable
                </button>
              )}
            </td>
          </tr>
        ))}
      </Table>
      <form class="row" onSubmit={make}>
        <label class="field inline">
          <span>A new key for</span>
          <input
            value={label.value}
            maxLength={200}
            placeholder="the web site"
            onInput={({ currentTarget }) => {
              label.value = currentTarget.value;
            }}
          />
        </label>
        <button type="submit" class="quiet">
          Make a key
        </button>
      </form>
    </section>
  );
}
