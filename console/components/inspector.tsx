import { frameIndex, picked } from '../playback.ts';
import { isOfDocument, kindOf, type Likely, nameOf } from '../run/run.ts';
import { columns } from '../state.ts';
import { Close } from './icons.tsx';

const percent = (logprob: number) => {
  const share = 100 * Math.exp(logprob);
  return share >= 10 ? `${share.toFixed(0)} %` : share >= 0.1 ? `${share.toFixed(1)} %` : '< 0.1 %';
};

/** A token so that its spaces are seen. */
export const visible = (token: string) =>
  token.replace(/^ /, '').replaceAll('\n', '↵').replaceAll('\t', '⇥').replaceAll(' ', '␣') || '␣';

interface ListProps {
  readonly title: string;
  readonly kind: string;
  readonly likely: readonly Likely[];
  readonly token: string;
}

function Likeliest({ title, kind, likely, token }: ListProps) {
  return (
    <div class={`likeliest by-${kind}`}>
      <h2>{title}</h2>
      <ol>
        {likely.map(({ token: text, logprob }) => (
          <li key={text} class={text === token ? 'same' : ''} style={{ '--p': Math.exp(logprob) }}>
            <span class="word">{visible(text)}</span>
            <span class="share">{percent(logprob)}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** Who said what of the word that is picked, at the step that is shown. */
export function Inspector() {
  const at = picked.value;
  if (!at) return null;
  const { run } = columns[at.side].value;
  const current = run?.frames[frameIndex[at.side].value];
  const frame =
    current && current.block > at.block
      ? run?.frames.findLast(({ block }) => block === at.block)
      : current?.block === at.block
        ? current
        : undefined;
  const detail = frame?.positions?.[at.position];
  const token = frame?.tokens[at.position] ?? '';
  const close = () => {
    picked.value = undefined;
  };
  const kind = (member: string) => (frame && run ? kindOf(member, frame.routes[member], run.model) : 'core');
  return (
    <section class="inspector" aria-label="The word" aria-live="polite">
      <header>
        {frame && detail && run ? (
          <p>
            <strong class={`picked by-${kind(detail.mover)}`}>{visible(token)}</strong>
            <span>
              {detail.mover === 'core' ? 'as the ' : 'moved by '}
              <b>{nameOf(detail.mover)}</b>
              {detail.mover === 'core' ? ' would have it' : ''}
              {run.private && isOfDocument(token, detail) ? ', from the private document' : ''} ·{' '}
              {percent(detail.logprob)} · block {frame.block + 1}, step {frame.step + 1}, place {at.position + 1}
            </span>
          </p>
        ) : (
          <p>At this step there is nothing at this place yet.</p>
        )}
        <button type="button" class="icon" aria-label="Close" onClick={close}>
          <Close />
        </button>
      </header>
      {frame && detail ? (
        <div class="lists">
          {Object.entries(detail.members).map(([name, likely]) => (
            <Likeliest key={name} title={nameOf(name)} kind={kind(name)} {...{ likely, token }} />
          ))}
          <Likeliest title="merged" kind="merged" likely={detail.merged} token={token} />
        </div>
      ) : null}
    </section>
  );
}
