import { useEffect } from 'preact/hooks';
import { cursor, frameIndex, goTo, picked, playing, speed, stopPlaying, timeline, togglePlaying } from '../playback.ts';
import { columns, isRunning, runs } from '../state.ts';
import { Back, Forward, Pause, Play } from './icons.tsx';

const speeds = [0.25, 0.5, 1, 2, 4] as const;

function step(by: number): void {
  stopPlaying();
  goTo(cursor.value + by);
}

/** The border of a block, the one before or the next. */
function blockStep(direction: 1 | -1): void {
  const moments = timeline.value;
  const starts = moments.flatMap(({ step }, i) => (step === 0 ? [i] : []));
  stopPlaying();
  goTo(
    direction > 0
      ? (starts.find((start) => start > cursor.value) ?? moments.length - 1)
      : (starts.findLast((start) => start < cursor.value) ?? 0),
  );
}

const isTyping = (target: EventTarget | null) =>
  target instanceof Element &&
  target.closest('input, textarea, select, button, a, dialog, summary, [role="group"]') !== null;

/** Keys of the whole page, where nobody types and nothing else takes them. */
function useKeys(): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && picked.value && !document.querySelector('dialog[open]')) {
        picked.value = undefined;
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const act = {
        ' ': togglePlaying,
        ArrowRight: () => (event.shiftKey ? blockStep(1) : step(1)),
        ArrowLeft: () => (event.shiftKey ? blockStep(-1) : step(-1)),
        Home: () => step(-timeline.value.length),
        End: () => step(timeline.value.length),
      }[event.key];
      if (!act || timeline.value.length === 0) return;
      event.preventDefault();
      act();
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, []);
}

export function Transport() {
  useKeys();
  const moments = timeline.value;
  const last = moments.length - 1;
  const moment = moments[cursor.value];
  const at = columns.map(({ value }, side) => value.run?.frames[frameIndex[side].value]).find((frame) => frame);
  const blocks = new Set(moments.map(({ block }) => block)).size;
  const inBlock = moments.filter(({ block }) => block === moment?.block).length;
  const where = moment
    ? `block ${moment.block + 1} of ${blocks}, step ${moment.step + 1} of ${inBlock}`
    : 'nothing yet';
  const t = at ? at.t.toFixed(2) : undefined;
  const isPlaying = playing.value;
  return (
    <section class="transport" aria-label="Playback">
      <div class="buttons">
        <button type="button" class="icon" aria-label="One step back" disabled={last < 1} onClick={() => step(-1)}>
          <Back />
        </button>
        <button
          type="button"
          class="icon play"
          aria-label={isPlaying ? 'Pause' : 'Play'}
          disabled={last < 1}
          onClick={togglePlaying}
        >
          {isPlaying ? <Pause /> : <Play />}
        </button>
        <button type="button" class="icon" aria-label="One step on" disabled={last < 1} onClick={() => step(1)}>
          <Forward />
        </button>
      </div>
      <div class="scrub">
        <input
          type="range"
          min={0}
          max={Math.max(0, last)}
          value={cursor.value}
          disabled={last < 1}
          aria-label="Step"
          aria-valuetext={`${where}${t === undefined ? '' : `, t ${t}`}`}
          style={{ '--at': last > 0 ? cursor.value / last : 0 }}
          onInput={({ currentTarget }) => {
            stopPlaying();
            goTo(Number(currentTarget.value));
          }}
        />
      </div>
      <output class="where">
        {moment ? (
          <>
            <b>block {moment.block + 1}</b> of {blocks} · <b>step {moment.step + 1}</b> of {inBlock}
            {t === undefined ? '' : ` · t ${t}`}
          </>
        ) : (
          'no steps yet'
        )}
      </output>
      <label class="speed">
        <span class="visually-hidden">Speed</span>
        <select
          value={String(speed.value)}
          disabled={isRunning.value || runs.value.length === 0}
          onChange={({ currentTarget }) => {
            speed.value = Number(currentTarget.value);
          }}
        >
          {speeds.map((value) => (
            <option key={value} value={String(value)}>
              {value}×
            </option>
          ))}
        </select>
      </label>
    </section>
  );
}
