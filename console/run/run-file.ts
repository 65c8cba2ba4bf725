import type { Commit, Frame, Likely, Position, Run, RunStatus } from './run.ts';

/** A run in little room: texts once, numbers as integers, and what a step said of a position only where it is new. */
export interface RunFile {
  readonly version: 1;
  readonly run: Omit<Run, 'frames' | 'commits' | 'status'> & { readonly status: RunStatus };
  readonly commits: readonly Commit[];
  /** Tokens and names, by the numbers that stand for them. */
  readonly texts: readonly string[];
  readonly frames: readonly FrameFile[];
}

interface FrameFile {
  /** Block, step, settled, whether it is done, milliseconds. */
  readonly n: readonly [block: number, step: number, settled: number, done: 0 | 1, at: number];
  readonly t: number;
  /** Mean nats a position, in thousandths. */
  readonly e: number;
  readonly tokens: readonly number[];
  readonly changed: readonly number[];
  /** In thousandths. */
  readonly p: readonly number[];
  /** Pairs of member and model. */
  readonly routes: readonly number[];
  /** Triples of member, part and tenths of a millisecond. */
  readonly ms: readonly number[];
  /** By position: the mover, the token's log-probability, then for merged and each member its list; 0 for what was said before. */
  readonly positions?: readonly (PositionFile | 0)[];
}

/** Lists are pairs of token and hundredths of a nat; members' begin with their name. */
type PositionFile = readonly [mover: number, logprob: number, ...lists: (readonly number[])[]];

const hundredths = (value: number) => Math.round(100 * value);

export function toRunFile({ frames, commits, ...run }: Run): RunFile {
  const texts: string[] = [];
  const known = new Map<string, number>();
  const of = (text: string) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    known.set(text, texts.length);
    return texts.push(text) - 1;
  };
  const list = (likely: readonly Likely[]) => likely.flatMap(({ token, logprob }) => [of(token), hundredths(logprob)]);
  const last: string[] = [];
  const position = ({ mover, logprob, merged, members }: Position, index: number): PositionFile | 0 => {
    const lists = Object.entries(members).map(([name, likely]) => [of(name), ...list(likely)]);
    const file: PositionFile = [of(mover), hundredths(logprob), list(merged), ...lists];
    const written = JSON.stringify(file);
    if (last[index] === written) return 0;
    last[index] = written;
    return file;
  };
  const files = frames.map(
    (frame): FrameFile => ({
      n: [frame.block, frame.step, frame.settled, frame.done ? 1 : 0, Math.round(frame.at)],
      t: frame.t,
      e: Math.round(1000 * frame.entropy),
      tokens: frame.tokens.map(of),
      changed: frame.changed,
      p: frame.probabilities.map((value) => Math.round(1000 * value)),
      routes: Object.entries(frame.routes).flatMap(([member, route]) => [of(member), of(route)]),
      ms: Object.entries(frame.milliseconds).flatMap(([member, parts]) =>
        Object.entries(parts).flatMap(([part, value]) => [of(member), of(part), Math.round(10 * value)]),
      ),
      ...(frame.positions ? { positions: frame.positions.map(position) } : {}),
    }),
  );
  return { version: 1, run, commits, texts, frames: files };
}

export function fromRunFile({ version, run, commits, texts, frames }: RunFile): Run {
  if (version !== 1) throw new Error(`the run is of version ${version}; this player reads version 1`);
  const list = (numbers: readonly number[]): Likely[] =>
    pairs(numbers).map(([token, logprob]) => ({ token: texts[token], logprob: logprob / 100 }));
  const last: Position[] = [];
  const position = (file: PositionFile | 0, index: number): Position => {
    if (file === 0) return last[index];
    const [mover, logprob, merged, ...members] = file;
    const read = {
      ...{ mover: texts[mover], logprob: logprob / 100, merged: list(merged) },
      members: Object.fromEntries(members.map(([name, ...likely]) => [texts[name], list(likely)])),
    };
    last[index] = read;
    return read;
  };
  const read = frames.map(({ n: [block, step, settled, done, at], ...frame }): Frame => {
    const milliseconds: Record<string, Record<string, number>> = {};
    for (let i = 0; i < frame.ms.length; i += 3) {
      const [member, part, value] = frame.ms.slice(i, i + 3);
      milliseconds[texts[member]] ??= {};
      milliseconds[texts[member]][texts[part]] = value / 10;
    }
    return {
      ...{ block, step, settled, done: done === 1, at, t: frame.t, entropy: frame.e / 1000, milliseconds },
      ...{ tokens: frame.tokens.map((token) => texts[token]), changed: frame.changed },
      probabilities: frame.p.map((value) => value / 1000),
      routes: Object.fromEntries(pairs(frame.routes).map(([member, route]) => [texts[member], texts[route]])),
      ...(frame.positions ? { positions: frame.positions.map(position) } : {}),
    };
  });
  return { ...run, commits, frames: read };
}

function pairs(numbers: readonly number[]): [number, number][] {
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i], numbers[2 * i + 1]]);
}
