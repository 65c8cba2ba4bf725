import { useSignal } from '@preact/signals';
import { type Asked, asClient, asCommand, asCurl } from '../request-forms.ts';
import { privateText } from '../shown-runs.ts';
import { settings } from '../state.ts';
import { describe } from './column.tsx';
import { Copy } from './copy.tsx';
import { Dialog } from './dialog.tsx';

const forms = { curl: asCurl, 'openai client': asClient, 'command line': asCommand } as const;
type Form = keyof typeof forms;

/** The same request by other ways; the key and a document are named, never shown. */
export function RequestDialog() {
  const form = useSignal<Form>('curl');
  const side = useSignal<'left' | 'right'>('right');
  const asked: Asked = {
    settings: settings.value,
    model: settings.value[side.value],
    context: privateText.value.trim() === '' ? undefined : 'CONTEXT_ID',
  };
  const text = forms[form.value](asked, location.origin);
  return (
    <Dialog name="request" title="The same request, elsewhere">
      <div class="row">
        <fieldset class="choice">
          <legend class="visually-hidden">Column</legend>
          {(['left', 'right'] as const).map((name) => (
            <label key={name}>
              <input
                type="radio"
                name="side"
                checked={side.value === name}
                onChange={() => {
                  side.value = name;
                }}
              />
              <span>{describe(settings.value[name])}</span>
            </label>
          ))}
        </fieldset>
        <fieldset class="choice">
          <legend class="visually-hidden">Form</legend>
          {(Object.keys(forms) as Form[]).map((name) => (
            <label key={name}>
              <input
                type="radio"
                name="form"
                checked={form.value === name}
                onChange={() => {
                  form.value = name;
                }}
              />
              <span>{name}</span>
            </label>
          ))}
        </fieldset>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it */}
      <pre tabIndex={0}>{text}</pre>
      <div class="row end">
        <Copy text={() => text} />
      </div>
    </Dialog>
  );
}
