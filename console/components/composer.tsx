import { useSignal } from '@preact/signals';
import { downloadRun } from '../download.ts';
import { examples, playExample } from '../examples.ts';
import { apiKey } from '../key.ts';
import { isCorrected, qualities, type Settings } from '../settings.ts';
import { cancelRuns, change, privateText, runNow } from '../shown-runs.ts';
import { isRunning, link, runs, settings } from '../state.ts';
import { Copy } from './copy.tsx';
import { openDialog } from './dialog.tsx';
import { Code, Dice, Download, Lock } from './icons.tsx';

/** On a phone, what plays comes first. */
const isWide = globalThis.matchMedia('(min-width: 46rem)').matches;
const mostSeed = 10_000;

function run(): void {
  if (!apiKey.value) openDialog('key');
  else void runNow();
}

function Slider({
  name,
  label,
  most,
  step,
  disabled,
  hint,
}: {
  name: 'weight' | 'contrast';
  label: string;
  most: number;
  step: number;
  disabled: boolean;
  hint?: string | undefined;
}) {
  const value = settings.value[name];
  return (
    <div class="field slider" title={hint}>
      <span>
        <label for={`slider-${name}`}>{label}</label> <output for={`slider-${name}`}>{value.toFixed(2)}</output>
      </span>
      <input
        type="range"
        id={`slider-${name}`}
        min={0}
        max={most}
        step={step}
        value={value}
        disabled={disabled}
        style={{ '--at': value / most }}
        onInput={({ currentTarget }) => change({ [name]: Number(currentTarget.value) })}
      />
    </div>
  );
}

function Whole({
  name,
  label,
  least,
  most,
  placeholder,
}: {
  name: 'seed' | 'tokens' | 'steps';
  label: string;
  least: number;
  most: number;
  placeholder?: string;
}) {
  return (
    <label class="field number">
      <span>{label}</span>
      <input
        type="number"
        min={least}
        max={most}
        step={1}
        value={settings.value[name] ?? ''}
        {...(placeholder ? { placeholder } : {})}
        onChange={({ currentTarget }) => {
          const value = Math.round(Number(currentTarget.value));
          if (currentTarget.value === '' && name === 'steps') change({ steps: undefined } as Partial<Settings>);
          else change({ [name]: Math.max(least, Math.min(most, value || least)) });
          currentTarget.value = String(settings.value[name] ?? '');
        }}
      />
    </label>
  );
}

export function Composer() {
  const { prompt, right, left, quality } = settings.value;
  const hasTenant = isCorrected(right) || isCorrected(left);
  const hasDocument = privateText.value.trim() !== '';
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        run();
      }}
    >
      <div class="ask">
        <label class="prompt-field">
          <span class="visually-hidden">Prompt</span>
          <textarea
            rows={2}
            value={prompt}
            placeholder="Begin a sentence, such as: To transfer a call to another agent,"
            maxLength={20_000}
            required
            onInput={({ currentTarget }) => change({ prompt: currentTarget.value })}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
              event.preventDefault();
              if (prompt.trim() !== '') run();
            }}
          />
        </label>
        {isRunning.value ? (
          <button type="button" class="primary" onClick={() => void cancelRuns()}>
            Cancel
          </button>
        ) : (
          <button type="submit" class="primary" disabled={prompt.trim() === ''}>
            Run
          </button>
        )}
      </div>
      <ul class="examples" aria-label="Examples">
        {examples.map((example) => (
          <li key={example.name}>
            <button type="button" class="chip" title={example.prompt} onClick={() => void playExample(example)}>
              {example.title}
            </button>
          </li>
        ))}
      </ul>
      <details class="settings" open={isWide}>
        <summary>Settings and sharing</summary>
        <div class="controls">
          <Slider
            {...{ name: 'weight', label: 'Tenant’s weight', most: 1, step: 0.05, disabled: !hasTenant }}
            hint="How much the tenant’s model counts. With a key, B runs again when you let go."
          />
          <Slider
            {...{ name: 'contrast', label: 'Document’s contrast', most: 3, step: 0.1 }}
            disabled={!hasTenant || !hasDocument}
            hint={hasDocument ? undefined : 'How strongly a private document counts beyond itself'}
          />
          <label class="field">
            <span>Quality</span>
            <select
              value={quality}
              onChange={({ currentTarget }) => change({ quality: currentTarget.value as Settings['quality'] })}
            >
              <option value="">as the core can</option>
              {qualities.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <Whole {...{ name: 'steps', label: 'Steps', least: 1, most: 10_000, placeholder: 'usual' }} />
          <Whole {...{ name: 'tokens', label: 'Tokens', least: 1, most: 1_000 }} />
          <div class="with-button">
            <Whole {...{ name: 'seed', label: 'Seed', least: 0, most: Number.MAX_SAFE_INTEGER }} />
            <button
              type="button"
              class="icon"
              aria-label="Another seed"
              title="Another seed"
              onClick={() => {
                change({ seed: Math.floor(Math.random() * mostSeed) });
                if (apiKey.value) run();
              }}
            >
              <Dice />
            </button>
          </div>
        </div>
        <div class="more">
          <button type="button" class={hasDocument ? 'quiet on' : 'quiet'} onClick={() => openDialog('document')}>
            <Lock /> {hasDocument ? 'Private document in use' : 'Private document'}
          </button>
          <span class="gap" />
          <button type="button" class="quiet" onClick={() => openDialog('request')}>
            <Code /> Show the request
          </button>
          <Share />
          <button
            type="button"
            class="quiet"
            disabled={runs.value.length === 0 || isRunning.value}
            onClick={() => void downloadRun()}
          >
            <Download /> Download the run
          </button>
        </div>
      </details>
    </form>
  );
}

/** A link that says the settings; the page's address says them, too. */
function Share() {
  const made = useSignal(false);
  return (
    <Copy
      label={made.value ? 'Copy the link again' : 'Share by link'}
      text={() => {
        made.value = true;
        history.replaceState(null, '', link());
        return link();
      }}
    />
  );
}
