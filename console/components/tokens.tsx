import { useComputed } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { frameIndex, type Picked, picked, playing, stopPlaying } from '../playback.ts';
import { isOfDocument, kindOf, type Run, textOf } from '../run/run.ts';
import { type Shown, shownTokens } from '../run/timeline.ts';
import { columns, type Side } from '../state.ts';

const isPicked = (at: Picked | undefined, side: Side, { frame, position }: Shown) =>
  at?.side === side && at.block === frame.block && at.position === position;

interface TokenProps {
  readonly shown: Shown;
  readonly run: Run;
  readonly side: Side;
  readonly chosen: boolean;
}

/** What stands for a token that has no letters: a space is itself once it stays. */
function spaceSign(token: string, state: Shown['state']): string {
  if (token.includes('\n')) return '↵';
  return state === 'settled' ? token : '␣';
}

/** Spaces stand before the word's box, and a line break that may still change breaks no line. */
function Token({ shown, run, side, chosen }: TokenProps) {
  const { token, state, frame, position } = shown;
  const [, before, word, after] = /^(\s*)([\s\S]*?)(\s*)$/.exec(token) ?? ['', '', token, ''];
  const detail = frame.positions?.[position];
  const mover = detail?.mover ?? 'core';
  const kind = kindOf(mover, frame.routes[mover], run.model);
  const breaks = (space: string) => (state === 'settled' ? space : space.replaceAll('\n', ' '));
  const isSpace = word === '';
  const classes = [
    'token',
    state,
    `by-${kind}`,
    ...(isSpace ? ['space'] : []),
    ...(chosen ? ['chosen'] : []),
    ...(run.private && detail && isOfDocument(token, detail) ? ['of-document'] : []),
  ];
  return (
    <>
      {isSpace ? '' : breaks(before)}
      <span
        class={classes.join(' ')}
        style={{ '--p': frame.probabilities[position] ?? 0 }}
        data-at={`${side}/${frame.block}/${position}`}
      >
        {isSpace ? spaceSign(token, state) : word}
      </span>
      {isSpace ? (token.includes('\n') ? breaks(token) : '') : breaks(after)}
    </>
  );
}

/** The text of a column as it stands, each word to be picked by a click or by arrow keys. */
export function Tokens({ side, label }: { side: Side; label: string }) {
  const place = useRef<HTMLDivElement>(null);
  const shown = useComputed(() => {
    const { run } = columns[side].value;
    return run ? shownTokens(run, frameIndex[side].value) : [];
  });
  const { run } = columns[side].value;
  if (!run) return null;
  const tokens = shown.value;
  const pick = ({ frame, position }: Shown) => {
    picked.value = { side, block: frame.block, position };
  };
  const onClick = (event: MouseEvent) => {
    const at = (event.target as Element).closest<HTMLElement>('[data-at]')?.dataset.at;
    const found = tokens.find(({ frame, position }) => `${side}/${frame.block}/${position}` === at);
    if (found && !isPicked(picked.value, side, found)) pick(found);
    else if (found) picked.value = undefined;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const move = { ArrowRight: 1, ArrowLeft: -1, Home: -tokens.length, End: tokens.length }[event.key];
    if (move === undefined || tokens.length === 0) return;
    event.preventDefault();
    event.stopPropagation();
    if (playing.value) stopPlaying();
    const now = tokens.findIndex((token) => isPicked(picked.value, side, token));
    const next = now < 0 ? (move > 0 ? 0 : tokens.length - 1) : now + move;
    pick(tokens[Math.max(0, Math.min(tokens.length - 1, next))]);
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a group of words is no fieldset
    <div
      ref={place}
      class="text"
      role="group"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys pick a word in it
      tabIndex={0}
      aria-label={`${label}: words; arrow keys pick one`}
      onClick={onClick}
      onKeyDown={onKeyDown}
    >
      {run.status === 'running' ? null : (
        <span class="ending" aria-hidden="true">
          <span class="prompt">{run.prompt}</span>
          {textOf(run)}
        </span>
      )}
      <span aria-hidden="true">
        <span class="prompt">{run.prompt}</span>
        {tokens.map((token) => (
          <Token
            key={`${token.frame.block}/${token.position}`}
            shown={token}
            {...{ run, side, chosen: isPicked(picked.value, side, token) }}
          />
        ))}
        {run.status === 'running' && tokens.length === 0 ? <span class="waiting" /> : null}
      </span>
    </div>
  );
}
