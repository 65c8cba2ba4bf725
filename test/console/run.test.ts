import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Played, placeOfRuns, playerPage } from '../../console/player-page.ts';
import { asClient, asCommand, asCurl } from '../../console/request-forms.ts';
import { endOfBlock, stepTime } from '../../console/run/parts.ts';
import { isOfDocument, type Position, textOf } from '../../console/run/run.ts';
import { fromRunFile, toRunFile } from '../../console/run/run-file.ts';
import { frameAt, shownTokens, timelineOf } from '../../console/run/timeline.ts';
import { fromFragment, qualities, type Settings, toFragment, usual } from '../../console/settings.ts';
import { edgesOf, layersOf } from '../../console/state-graph.ts';

const folder = join(import.meta.dirname, '..', '..', 'console', 'recordings');
const recordings = readdirSync(folder).map((name) => {
  const { settings, runs } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Played;
  return { name, settings, files: runs, runs: runs.map(fromRunFile) };
});

describe('the recorded runs', () => {
  it.each(recordings)('$name are whole, and read as they were written', ({ files, runs }) => {
    expect(runs).toHaveLength(2);
    for (const [i, run] of runs.entries()) {
      expect(run.status).toBe('succeeded');
      expect(toRunFile(run)).toEqual(files[i]);
      // What the columns show at the end is what was committed.
      const shown = shownTokens(run, run.frames.length - 1);
      expect(shown.every(({ state }) => state === 'settled')).toBe(true);
      expect(shown.map(({ token }) => token).join('')).toBe(textOf(run));
    }
  });

  it('show a tenant, and a document, at work', () => {
    const moved = (name: string) => {
      const run = recordings.find((recording) => recording.name === name)?.runs[1];
      const last = run?.frames.filter(({ done }) => done) ?? [];
      return last.flatMap(({ tokens, positions = [] }) =>
        positions.map((position, i) => [tokens[i], position] as const),
      );
    };
    expect(moved('contact-center.json').some(([, { mover }]) => mover === 'tenant:contact-center')).toBe(true);
    const words = moved('private-document.json').flatMap(([token, position]) =>
      isOfDocument(token, position) ? [token] : [],
    );
    expect(words).toContain(' blue');
  });
});

describe('a run', () => {
  const [{ runs }] = recordings;
  it('is found at any moment of both columns: the last frame that is not after it', () => {
    const moments = timelineOf(runs);
    for (const { frames } of runs) {
      for (const moment of moments) {
        const expected = frames.findLastIndex(
          ({ block, step }) => block < moment.block || (block === moment.block && step <= moment.step),
        );
        expect(frameAt(frames, moment)).toBe(expected);
      }
    }
    expect(frameAt(runs[0].frames, undefined)).toBe(-1);
  });

  it('has the time of a step in parts that add up', () => {
    for (const [index] of runs[1].frames.entries()) {
      const { model, transport, reduce, rest, total } = stepTime(runs[1], index);
      expect(model + transport + reduce + rest).toBeCloseTo(total, 6);
    }
  });
});

describe('a block', () => {
  const [{ runs }] = recordings;
  const [frame] = runs[0].frames;
  /** By N timesteps from 1, the last of which ends it. */
  const block = (steps: number, ...times: number[]) => ({
    frames: times.map((k, step) => ({ ...frame, step, t: 1 - k / steps, done: step === times.length - 1 })),
  });
  it('is told to have halted, or to have been stopped early', () => {
    const early = block(10, 0, 1, 2, 3, 4, 5);
    expect(early.frames.map((_, index) => endOfBlock(early, index))).toEqual([...Array(5), 'early stop']);
    const halted = block(10, 0, 1, 2);
    expect(endOfBlock(halted, 2)).toBe('halted');
    const fromTheLeft = runs[0].frames.findIndex(({ done }) => done);
    expect(endOfBlock(runs[0], fromTheLeft)).toBe('halted');
  });
});

describe('a word of the document', () => {
  const likely = (entries: Record<string, number>) =>
    Object.entries(entries).map(([token, share]) => ({ token, logprob: Math.log(share) }));
  const at = (mover: string, given: Record<string, number>, without: Record<string, number>): Position => ({
    ...{ mover, logprob: 0, merged: [] },
    members: { core: [], 'tenant:acme': likely(given), 'prompt-only:acme': likely(without) },
  });
  it('is one that the tenant moved, at least four times likelier with the document than without', () => {
    expect(isOfDocument('a', at('tenant:acme', { a: 0.5 }, { b: 0.8, a: 0.1 }))).toBe(true);
    expect(isOfDocument('a', at('tenant:acme', { a: 0.5 }, { a: 0.2 }))).toBe(false);
    expect(isOfDocument('a', at('core', { a: 0.5 }, { a: 0.1 }))).toBe(false);
    // Not among the likeliest without it: no likelier than the last of them.
    expect(isOfDocument('a', at('tenant:acme', { a: 0.5 }, { b: 0.6, c: 0.1 }))).toBe(true);
    expect(isOfDocument('a', at('tenant:acme', { a: 0.3 }, { b: 0.6, c: 0.1 }))).toBe(false);
  });
});

const settingsOf: fc.Arbitrary<Settings> = fc.record({
  prompt: fc.string({ unit: 'binary', maxLength: 50 }).filter((text) => text.isWellFormed()),
  left: fc.constantFrom('core', 'instruct'),
  right: fc.constantFrom('core', 'core+acme', ''),
  weight: fc.integer({ min: 0, max: 100 }).map((share) => share / 100),
  contrast: fc.integer({ min: 0, max: 100 }).map((share) => share / 10),
  quality: fc.constantFrom('' as const, ...qualities),
  steps: fc.option(fc.integer({ min: 1, max: 10_000 }), { nil: undefined }),
  seed: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  tokens: fc.integer({ min: 1, max: 100_000 }),
});

describe('a link', () => {
  it('gives the settings that it was made of', () => {
    fc.assert(
      fc.property(settingsOf, (settings) => {
        expect(fromFragment(toFragment(settings))).toEqual(settings);
      }),
    );
  });

  it('takes any text, and leaves what is out of range as usual', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const settings = fromFragment(`#${text}`);
        if (settings) expect(fromFragment(toFragment(settings))).toEqual(settings);
      }),
    );
    expect(fromFragment('#p=a&w=2&seed=-1&n=1.5&q=worst')).toEqual({ ...usual, prompt: 'a' });
    expect(fromFragment('')).toBeUndefined();
  });
});

describe('the request elsewhere', () => {
  const settings: Settings = { ...usual, prompt: `it's "$HOME" \`x\``, seed: 5, weight: 0.5 };
  const asked = { settings, model: 'core+acme', context: undefined };
  it('is quoted so that a shell reads the prompt as it is', () => {
    const quoted = `'it'\\''s "$HOME" \`x\`'`;
    expect(asCommand(asked)).toContain(`--prompt ${quoted}`);
    expect(asCurl(asked, 'http://127.0.0.1')).toContain(`it'\\''s`);
    expect(asClient(asked, 'http://127.0.0.1')).toContain(JSON.stringify(settings.prompt));
  });
});

describe('the one-file player', () => {
  it('holds any text without letting it out of its element', () => {
    const hostile = `</script><script>alert(1)</script><!-- $& $1`;
    const [{ settings, files }] = recordings;
    const played: Played = { settings: { ...settings, prompt: hostile }, runs: files };
    const page = playerPage(`<script id="runs">${placeOfRuns}</script>`, played);
    const [, data] = /^<script id="runs">([^<]*)<\/script>$/.exec(page) ?? [];
    expect(JSON.parse(data)).toEqual(played);
  });
});

describe('the picture of a state machine', () => {
  const definition = {
    StartAt: 'A',
    States: {
      A: { Next: 'B', Catch: [{ Next: 'F' }, { Next: 'F' }] },
      B: { Choices: [{ Next: 'A' }, { Next: 'C' }], Default: 'C' },
      C: {},
      F: {},
      unreached: { Next: 'C' },
    },
  };
  it('has each way once, by what takes it', () => {
    expect(edgesOf(definition)).toEqual([
      { from: 'A', to: 'B', kind: 'next' },
      { from: 'A', to: 'F', kind: 'catch' },
      { from: 'B', to: 'A', kind: 'choice' },
      { from: 'B', to: 'C', kind: 'choice' },
      { from: 'unreached', to: 'C', kind: 'next' },
    ]);
  });

  it('has each state once, by how far it is from the start', () => {
    expect(layersOf(definition)).toEqual([['A'], ['B', 'F'], ['C'], ['unreached']]);
    expect(layersOf({})).toEqual([]);
  });
});
