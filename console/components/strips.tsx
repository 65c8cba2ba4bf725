import { useComputed } from '@preact/signals';
import type { JSX } from 'preact';
import { stepTime } from '../run/parts.ts';
import { kindOf, nameOf, type Run } from '../run/run.ts';
import { frameAt, type Moment } from '../run/timeline.ts';
import { columns, cursor, goTo, runs, stopPlaying, timeline } from '../state.ts';

const letters = ['A', 'B'];

interface Placed {
  readonly run: Run;
  readonly letter: string;
  /** By moment, the index of the frame that is of it; undefined where the run has none of its own. */
  readonly frames: readonly (number | undefined)[];
}

function placed(run: Run, letter: string, moments: readonly Moment[]): Placed {
  const frames = moments.map((moment) => {
    const index = frameAt(run.frames, moment);
    const { block, step } = run.frames[index] ?? {};
    return block === moment.block && step === moment.step ? index : undefined;
  });
  return { run, letter, frames };
}

/** A row of pictures over steps; a press goes to the step. */
function Strip({
  title,
  note,
  height,
  children,
}: {
  title: string;
  note: JSX.Element | string;
  height: number;
  children: JSX.Element | JSX.Element[];
}) {
  const count = Math.max(1, timeline.value.length);
  const go = (event: PointerEvent & { currentTarget: SVGSVGElement }) => {
    if (event.type === 'pointermove' && event.buttons === 0) return;
    const { left, width } = event.currentTarget.getBoundingClientRect();
    stopPlaying();
    goTo(Math.floor(((event.clientX - left) / width) * count));
  };
  return (
    <figure class="strip">
      <figcaption>
        <b>{title}</b> <span>{note}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${count} ${height}`}
        {...{ preserveAspectRatio: 'none', height }}
        aria-hidden="true"
        onPointerDown={go}
        onPointerMove={go}
      >
        {children}
        {timeline.value.flatMap(({ step }, i) =>
          step === 0 && i > 0 ? [<line key={i} x1={i} x2={i} y1={0} y2={height} class="border" />] : [],
        )}
        <line x1={cursor.value + 0.5} x2={cursor.value + 0.5} y1={0} y2={height} class="now" />
      </svg>
    </figure>
  );
}

const rowHeight = 11;
const rowGap = 3;

/** A member, and the model behind it where that is another. */
function answeredBy(member: string, route: string): string {
  const name = nameOf(member);
  const model = route.split('/').at(-1) ?? route;
  return model.endsWith(name) ? name : `${name} by ${model}`;
}

/** Who answered: a row for each member of each run, of the hue of its model. */
function Routes({ of }: { of: readonly Placed[] }) {
  const rows = of.flatMap(({ run, letter, frames }) => {
    const members = [...new Set(run.frames.flatMap(({ routes }) => Object.keys(routes)))];
    return members.map((member) => ({ run, letter, frames, member }));
  });
  const names = of.map(({ run, letter, frames }) => {
    const moment = cursor.value;
    const index = frames[moment] ?? frameAt(run.frames, timeline.value[moment]);
    const routes = Object.entries(run.frames[index]?.routes ?? {});
    return `${letter}: ${routes.map(([member, route]) => answeredBy(member, route)).join(', ')}`;
  });
  return (
    <Strip
      title="Who answered"
      note={names.join(' · ')}
      height={Math.max(1, rows.length * (rowHeight + rowGap) - rowGap)}
    >
      {rows.map(({ run, letter, frames, member }, row) => (
        <g key={`${letter}${member}`}>
          {frames.flatMap((index, i) => {
            const route = index === undefined ? undefined : run.frames[index].routes[member];
            if (route === undefined) return [];
            return [
              <rect
                key={i}
                {...{ x: i + 0.06, y: row * (rowHeight + rowGap), width: 0.88, height: rowHeight }}
                class={`by-${kindOf(member, route, run.model)}`}
              >
                <title>{`${letter}: ${answeredBy(member, route)}`}</title>
              </rect>,
            ];
          })}
        </g>
      ))}
    </Strip>
  );
}

const entropyHeight = 56;

/** How unsure the block is, over its steps, until it halts. */
function Entropy({ of }: { of: readonly Placed[] }) {
  const most = Math.max(1, ...of.flatMap(({ run }) => run.frames.map(({ entropy }) => entropy)));
  const y = (entropy: number) => entropyHeight - 3 - (entropy / most) * (entropyHeight - 6);
  const now = of.flatMap(({ run, letter }) => {
    const frame = run.frames[frameAt(run.frames, timeline.value[cursor.value])];
    return frame ? [`${letter} ${frame.entropy.toFixed(2)}`] : [];
  });
  return (
    <Strip
      title="How unsure"
      note={`mean nats a position: ${now.join(', ')}; a dot where a block halts`}
      height={entropyHeight}
    >
      {of.map(({ run, letter, frames }) => {
        const pieces = new Map<number, string[]>();
        frames.forEach((index, i) => {
          if (index === undefined) return;
          const { block, entropy } = run.frames[index];
          pieces.set(block, [...(pieces.get(block) ?? []), `${i + 0.5},${y(entropy).toFixed(2)}`]);
        });
        return (
          <g key={letter} class={`line side-${letter}`}>
            {[...pieces].map(([block, points]) => (
              <polyline key={block} points={points.join(' ')} />
            ))}
            {frames.flatMap((index, i) =>
              index !== undefined && run.frames[index].done
                ? [<path key={i} d={`M${i + 0.5} ${y(run.frames[index].entropy).toFixed(2)}h0`} class="halt" />]
                : [],
            )}
          </g>
        );
      })}
    </Strip>
  );
}

const timeHeight = 44;

/** Where the time of each step went, in the run of a side. */
function Times({ of: { run, letter, frames } }: { of: Placed }) {
  const times = frames.map((index) => (index === undefined ? undefined : stepTime(run, index)));
  // The first step's wait would make the others invisible.
  const sorted = times.flatMap((time) => (time ? [time.total] : [])).sort((a, b) => a - b);
  const most = Math.max(1, 1.2 * (sorted[Math.floor(sorted.length * 0.95)] ?? 1));
  const at = frameAt(run.frames, timeline.value[cursor.value]);
  const now = at < 0 ? undefined : stepTime(run, at);
  const ms = (value: number) => `${value.toFixed(0)} ms`;
  return (
    <Strip
      title={`Time a step, ${letter}`}
      note={
        now ? (
          <>
            <i class="swatch k-model" /> {nameOf(now.slowest)} {ms(now.model)} <i class="swatch k-transport" />{' '}
            transport {ms(now.transport)} <i class="swatch k-reduce" /> reduce {ms(now.reduce)}{' '}
            <i class="swatch k-rest" /> orchestration {ms(now.rest)}
          </>
        ) : (
          ''
        )
      }
      height={timeHeight}
    >
      {times.map((time, i) => {
        if (!time) return <g key={i} />;
        let y = timeHeight;
        return (
          <g key={i}>
            {(['model', 'transport', 'reduce', 'rest'] as const).map((part) => {
              const height = Math.min(y, (time[part] / most) * timeHeight);
              y -= height;
              return <rect key={part} {...{ x: i + 0.06, y, width: 0.88, height }} class={`k-${part}`} />;
            })}
          </g>
        );
      })}
    </Strip>
  );
}

export function Strips() {
  const all = useComputed(() =>
    columns.flatMap(({ value: { run } }, side) => (run ? [placed(run, letters[side], timeline.value)] : [])),
  );
  if (runs.value.every(({ frames }) => frames.length === 0)) return null;
  return (
    <section class="strips" aria-label="What happened at each step">
      <Routes of={all.value} />
      <Entropy of={all.value} />
      {all.value.map((each) => (
        <Times key={each.letter} of={each} />
      ))}
    </section>
  );
}
