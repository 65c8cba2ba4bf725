import { useComputed } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { cursor, goTo, stopPlaying, timeline } from '../playback.ts';
import { endOfBlock, stepTime } from '../run/parts.ts';
import { type Kind, kindOf, nameOf, type Run } from '../run/run.ts';
import { frameAt, type Moment } from '../run/timeline.ts';
import { columns, runs } from '../state.ts';

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

/** Where the cursor is: apart, since it moves more often than anything else changes. */
function Now({ height }: { height: number }) {
  const x = cursor.value + 0.5;
  return <line {...{ x1: x, x2: x, y1: 0, y2: height }} class="now" />;
}

interface StripProps {
  readonly title: string;
  readonly note: ComponentChildren;
  readonly height: number;
  readonly children: ComponentChildren;
}

/** A row of pictures over steps; a press goes to the step. */
function Strip({ title, note, height, children }: StripProps) {
  const moments = timeline.value;
  const count = Math.max(1, moments.length);
  const go = (event: PointerEvent & { currentTarget: SVGSVGElement }) => {
    if (event.type === 'pointermove' && event.buttons === 0) return;
    const { left, width } = event.currentTarget.getBoundingClientRect();
    stopPlaying();
    goTo(Math.floor(((event.clientX - left) / width) * count));
  };
  const borders = moments.flatMap(({ step }, i) => (step === 0 && i > 0 ? [`M${i} 0V${height}`] : []));
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
        <path d={borders.join('')} class="border" />
        <Now height={height} />
      </svg>
    </figure>
  );
}

/** The bar of a step, as a piece of a path: one element for hundreds of steps. */
const bar = (step: number, y: number, height: number) =>
  `M${step + 0.06} ${y.toFixed(1)}h.88v${height.toFixed(1)}h-.88z`;

/** A member, and the model behind it where that is another. */
function answeredBy(member: string, route: string): string {
  const name = nameOf(member);
  const model = route.split('/').at(-1) ?? route;
  return model.endsWith(name) ? name : `${name} by ${model}`;
}

function RoutesNow({ of }: { of: readonly Placed[] }) {
  const names = of.map(({ run, letter }) => {
    const { routes = {} } = run.frames[frameAt(run.frames, timeline.value[cursor.value])] ?? {};
    const members = Object.entries(routes).map(([member, route]) => answeredBy(member, route));
    return `${letter}: ${members.join(', ')}`;
  });
  return <>{names.join(' · ')}</>;
}

const rowHeight = 11;
const rowGap = 3;

/** Who answered: a row for each member of each run, of the hue of its model. */
function Routes({ of }: { of: readonly Placed[] }) {
  const rows = of.flatMap(({ run, letter, frames }) => {
    const members = [...new Set(run.frames.flatMap(({ routes }) => Object.keys(routes)))];
    return members.map((member) => ({ run, letter, frames, member }));
  });
  const height = Math.max(1, rows.length * (rowHeight + rowGap) - rowGap);
  return (
    <Strip title="Who answered" note={<RoutesNow of={of} />} height={height}>
      {rows.map(({ run, letter, frames, member }, row) => {
        const pieces = new Map<Kind, string>();
        frames.forEach((index, i) => {
          const route = index === undefined ? undefined : run.frames[index].routes[member];
          if (route === undefined) return;
          const kind = kindOf(member, route, run.model);
          pieces.set(kind, (pieces.get(kind) ?? '') + bar(i, row * (rowHeight + rowGap), rowHeight));
        });
        return [...pieces].map(([kind, d]) => (
          <path key={`${letter}${member}${kind}`} d={d} class={`bar by-${kind}`} />
        ));
      })}
    </Strip>
  );
}

function EntropyNow({ of }: { of: readonly Placed[] }) {
  const now = of.flatMap(({ run, letter }) => {
    const frame = run.frames[frameAt(run.frames, timeline.value[cursor.value])];
    return frame ? [`${letter} ${frame.entropy.toFixed(2)}`] : [];
  });
  const isCut = of.some(({ run }) => run.frames.some((_, index) => endOfBlock(run, index) === 'early stop'));
  return (
    <>
      mean nats a position: {now.join(', ')}; a dot where a block halts
      {isCut ? ', a bar where it is stopped early' : ''}
    </>
  );
}

const entropyHeight = 56;

/** How unsure the block is, over its steps, until it halts. */
function Entropy({ of }: { of: readonly Placed[] }) {
  const most = Math.max(1, ...of.flatMap(({ run }) => run.frames.map(({ entropy }) => entropy)));
  const y = (entropy: number) => (entropyHeight - 3 - (entropy / most) * (entropyHeight - 6)).toFixed(1);
  return (
    <Strip title="How unsure" note={<EntropyNow of={of} />} height={entropyHeight}>
      {of.map(({ run, letter, frames }) => {
        let line = '';
        let halts = '';
        let stops = '';
        let last = -1;
        frames.forEach((index, i) => {
          if (index === undefined) return;
          const { block, entropy } = run.frames[index];
          line += `${block === last ? 'L' : 'M'}${i + 0.5} ${y(entropy)}`;
          const end = endOfBlock(run, index);
          if (end === 'halted') halts += `M${i + 0.5} ${y(entropy)}h0`;
          else if (end) stops += `M${i + 0.5} 2V${entropyHeight - 2}`;
          last = block;
        });
        return (
          <g key={letter} class={`line side-${letter}`}>
            <path d={line} class="course" />
            <path d={halts} class="halt" />
            <path d={stops} class="stop" />
          </g>
        );
      })}
    </Strip>
  );
}

function TimesNow({ run }: { run: Run }) {
  const at = frameAt(run.frames, timeline.value[cursor.value]);
  if (at < 0) return null;
  const { slowest, model, transport, reduce, rest } = stepTime(run, at);
  const ms = (value: number) => `${value.toFixed(0)} ms`;
  return (
    <>
      <i class="swatch k-model" /> {nameOf(slowest)} {ms(model)} <i class="swatch k-transport" /> transport{' '}
      {ms(transport)} <i class="swatch k-reduce" /> reduce {ms(reduce)} <i class="swatch k-rest" /> orchestration{' '}
      {ms(rest)}
    </>
  );
}

const timeHeight = 44;
const parts = ['model', 'transport', 'reduce', 'rest'] as const;

/** Where the time of each step went, in one run. */
function Times({ of: { run, letter, frames } }: { of: Placed }) {
  const times = frames.map((index) => (index === undefined ? undefined : stepTime(run, index)));
  // The first step's wait would make the others invisible.
  const sorted = times.flatMap((time) => (time ? [time.total] : [])).sort((a, b) => a - b);
  const most = Math.max(1, 1.2 * (sorted[Math.floor(sorted.length * 0.95)] ?? 1));
  const paths = { model: '', transport: '', reduce: '', rest: '' };
  times.forEach((time, i) => {
    if (!time) return;
    let y = timeHeight;
    for (const part of parts) {
      const height = Math.min(y, (time[part] / most) * timeHeight);
      y -= height;
      paths[part] += bar(i, y, height);
    }
  });
  return (
    <Strip title={`Time a step, ${letter}`} note={<TimesNow run={run} />} height={timeHeight}>
      {parts.map((part) => (
        <path key={part} d={paths[part]} class={`k-${part}`} />
      ))}
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
