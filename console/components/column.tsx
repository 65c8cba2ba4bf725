import { models } from '../key.ts';
import { paceOf } from '../run/parts.ts';
import { textOf } from '../run/run.ts';
import { change, runNow } from '../shown-runs.ts';
import { columns, isRunning, type Side, settings } from '../state.ts';
import { Tokens } from './tokens.tsx';

const letters = ['A', 'B'] as const;

export function columnLabel(side: Side): string {
  const { run } = columns[side].value;
  const model = run?.model ?? (side === 0 ? settings.value.left : settings.value.right);
  return `${letters[side]}, ${describe(model)}`;
}

/** A model's id in words. */
export function describe(model: string): string {
  const [core, tenant] = model.split('+');
  return tenant === undefined ? `${core} alone` : `${core} + ${tenant}`;
}

function ModelName({ side }: { side: Side }) {
  const { run, source } = columns[side].value;
  const wanted = side === 0 ? settings.value.left : settings.value.right;
  if (models.value.length === 0 || (run && source === 'recorded'))
    return <span class="model">{describe(run?.model ?? wanted)}</span>;
  return (
    <label class="model">
      <span class="visually-hidden">Model of column {letters[side]}</span>
      <select
        value={wanted}
        onChange={({ currentTarget }) => {
          change(side === 0 ? { left: currentTarget.value } : { right: currentTarget.value });
          if (columns[side].value.source === 'live' && columns[side].value.run) void runNow([side]);
        }}
      >
        {models.value.map((model) => (
          <option key={model} value={model}>
            {describe(model)}
          </option>
        ))}
      </select>
    </label>
  );
}

function State({ side }: { side: Side }) {
  const { run, source, connected, problem } = columns[side].value;
  if (!run) return null;
  const { seconds, steps, tokens } = paceOf(run);
  if (run.status === 'running') {
    return (
      <span class={connected ? 'state live' : 'state lost'} role="status">
        {connected ? `step ${steps}` : 'Connection lost. It goes on when the service is back …'}
      </span>
    );
  }
  if (run.status === 'cancelled') return <span class="state">cancelled after {steps} steps</span>;
  if (problem !== undefined) return <span class="state">failed</span>;
  return (
    <span class="state">
      {tokens} tokens · {steps} steps · {seconds.toFixed(1)} s{source === 'recorded' ? ' · recorded' : ''}
    </span>
  );
}

export function ColumnView({ side }: { side: Side }) {
  const { run, problem } = columns[side].value;
  const label = columnLabel(side);
  const { weight } = settings.value;
  const isTenants = (run?.model ?? (side === 0 ? settings.value.left : settings.value.right)).includes('+');
  return (
    <section class={`column side-${letters[side]}`} aria-label={label}>
      <header>
        <span class="letter" aria-hidden="true">
          {letters[side]}
        </span>
        <ModelName side={side} />
        {isTenants ? <span class="weight-tag">weight {weight.toFixed(2)}</span> : null}
        <State side={side} />
      </header>
      {problem === undefined ? null : (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {run?.coreFrom === undefined ? null : (
        <p class="problem" role="status">
          The tenant’s model did not answer: from block {run.coreFrom + 1} on the text is the core’s alone.
        </p>
      )}
      {run ? <Tokens side={side} label={label} /> : <Empty side={side} />}
      {run ? <Announce side={side} /> : null}
    </section>
  );
}

function Empty({ side }: { side: Side }) {
  return (
    <p class="empty">
      {side === 0
        ? 'Write a prompt and run it: the large model answers here on its own.'
        : 'The same prompt and seed, with the tenant’s small model correcting each step, appear here.'}
    </p>
  );
}

/** For who cannot see it: whole blocks as they settle, and at the end the text. */
function Announce({ side }: { side: Side }) {
  const { run } = columns[side].value;
  if (!run) return null;
  const last = run.commits.at(-1);
  if (isRunning.value && run.status === 'running') {
    return (
      <p class="visually-hidden" aria-live="polite">
        {last ? `${letters[side]}: block ${last.block + 1} settled: ${last.text}` : ''}
      </p>
    );
  }
  return <p class="visually-hidden" aria-live="polite">{`${letters[side]}: ${run.prompt}${textOf(run)}`}</p>;
}
