import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baseModel, Lab } from '../../experiments/lab.ts';
import { describeDifference, difference, heldOut } from '../../experiments/losses.ts';
import { writeReport } from '../../experiments/report.ts';

const root = join(import.meta.dirname, '..', '..');
let folder: string;
/** The project's own documentation, in the corpora's places. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slingshot-lab-'));
  await mkdir(join(folder, 'corpora', 'tenants'), { recursive: true });
  const documents = (await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md'));
  const texts = await Promise.all(documents.map((name) => readFile(join(root, 'docs', name), 'utf8')));
  const rows = texts.map((text) => `${JSON.stringify({ text })}\n`).join('');
  for (const name of ['fairy-tales', 'contact-center']) {
    const { gzipSync } = await import('node:zlib');
    for (const split of ['train', 'valid']) {
      await writeFile(join(folder, 'corpora', 'tenants', `${name}.${split}.jsonl.gz`), gzipSync(rows));
    }
  }
});
afterAll(() => rm(folder, { recursive: true }));

const lab = (said: string[] = []) =>
  new Lab({
    ...{ folder: join(folder, 'lab'), corpora: join(folder, 'corpora'), steps: 2, seeds: [1, 2] },
    onProgress: (what) => said.push(what),
  });
const training = {
  model: { ...baseModel, width: 16, layers: 1, feedForward: 32 },
  domain: 'fairy-tales',
  steps: 2,
} as const;

describe('the lab of the experiments', () => {
  it('trains a model a seed, once', async () => {
    const said: string[] = [];
    const first = await lab(said).trainSeeds(training);
    expect(said.filter((what) => what.startsWith('training ssd2')).length).toBeGreaterThan(1);
    const again: string[] = [];
    const second = await lab(again).trainSeeds(training);
    expect(again).toEqual([]);
    expect(second.map(({ directory }) => directory)).toEqual(first.map(({ directory }) => directory));
    expect(new Set(first.map(({ directory }) => directory)).size).toBe(2);
  });

  it("puts SSD-LM's layout beside SSD-2's on the same footing: untrained, both cost what positions do by themselves", async () => {
    const still = { ...training, learningRate: 1e-9, objective: { nextTokenWeight: 0 } };
    const causal = await lab().train({ ...still, seed: 1 });
    const full = await lab().train({ ...still, seed: 1, model: { ...still.model, contextMask: 'full' } });
    const losses = [await heldOut(lab(), causal, 'fairy-tales'), await heldOut(lab(), full, 'fairy-tales')];
    // Fresh heads disturb the posterior a little, and differently in either layout.
    expect(Math.abs(losses[0].overall - losses[1].overall)).toBeLessThan(0.02);
  });
});

describe('a report', () => {
  it('says whether arms are told apart', () => {
    const arm = (name: string, ...overall: number[]) => ({
      name,
      losses: overall.map((value) => ({ overall: value, byRange: [] })),
    });
    expect(describeDifference(difference(arm('a', 1, 1.1, 0.9), arm('b', 2, 2.1, 1.9)))).toMatch(/^lower by 1\.000/);
    expect(describeDifference(difference(arm('a', 1, 2, 3), arm('b', 3, 2, 1)))).toMatch(/^not told apart/);
  });

  it('is written as Markdown, numbers and pictures', async () => {
    const report = {
      ...{ title: '9. A title', setup: 'What was run.', finding: 'What was found.', data: { x: 1 } },
      tables: [{ caption: 'A table:', markdown: '| a |\n| - |' }],
      charts: [{ name: 'chart', alt: 'a chart', svg: '<svg/>' }],
    };
    const markdown = await writeReport(join(folder, 'results'), 'ninth', report);
    expect(markdown).toContain('## 9. A title\n\n**What was found.**\n\nWhat was run.\n\nA table:\n\n| a |');
    expect((await readdir(join(folder, 'results'))).sort()).toEqual(['chart.svg', 'ninth.json', 'ninth.md']);
  });
});
