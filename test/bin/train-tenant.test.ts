import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { commandLine } from '../../bin/command-line.ts';
import { loadServedConfig } from '../../models/checkpoint/served-model.ts';
import { holdOut } from '../../models/data/hold-out.ts';
import { logits } from '../../models/evaluation/next-token-cost.ts';
import { loadStepModel } from '../../models/inference/step-model.ts';
import { tinyAdaptedFleet } from '../support/tiny-adapted-fleet.ts';
import { sentences } from '../support/tiny-fleet.ts';

let tiny: Awaited<ReturnType<typeof tinyAdaptedFleet>>;
let folder: string;
beforeAll(async () => {
  tiny = await tinyAdaptedFleet();
  folder = await mkdtemp(join(tmpdir(), 'slingshot-tenant-'));
});
afterAll(async () => {
  await tiny.remove();
  await rm(folder, { recursive: true });
});

/** What a command says, run in this process. */
async function train(...args: string[]): Promise<string> {
  let output = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    output += text;
    return true;
  });
  try {
    await commandLine().parseAsync(['train', ...args], { from: 'user' });
    return output;
  } finally {
    write.mockRestore();
  }
}

const rows = (texts: readonly string[]) => texts.map((text) => `${JSON.stringify({ text })}\n`).join('');

describe('slingshot train --tenant', () => {
  it('makes a model that is to be served, beside whose counts the core’s base reads', async () => {
    const [data, core, out] = [join(folder, 'documents.jsonl'), join(tiny.folder, 'core'), join(folder, 'northwind')];
    await writeFile(data, rows(sentences));
    const said = await train('--tenant', 'northwind', '--data', data, '--base', 'david', '--core', core, '--out', out);
    expect(said).toContain('its gain was not measured');
    expect(said).toContain(`to serve it: slingshot models add northwind --folder ${out}`);
    expect(await loadServedConfig(out)).toMatchObject({ kind: 'ngram', needsBase: true });
  });

  it('tunes the base that reads on its documents, as long as it is told to', async () => {
    const [data, core, out] = [join(folder, 'many.jsonl'), join(tiny.folder, 'core'), join(folder, 'tuned')];
    // The recipe's windows are 13 blocks long.
    await writeFile(data, rows(Array.from({ length: 12 }, () => sentences.join(' '))));
    const args = ['--tenant', 'northwind', '--data', data, '--base', 'tuned', '--core', core, '--out', out];
    const said = await train(...args, '--steps', '2');
    expect(said).toContain('2 steps');
    expect(said).toContain(`to serve it: slingshot models add northwind --folder ${out}`);
    expect(await loadServedConfig(out)).toMatchObject({ weightsFiles: ['model.ngram', 'model.safetensors'] });
    const model = await loadStepModel(out);
    expect((await logits(model, [1, 2, 3], [4, 5, 6, 7, 8], 300)).every(Number.isFinite)).toBe(true);
    await model.release();
  });

  it.each([
    [['--tenant', 'Northwind', '--data', 'x'], '"Northwind" cannot name an endpoint'],
    [['--tenant', 'northwind'], 'of which documents? Name them, --data FILE'],
    [['--tenant', 'northwind', '--recipe', 'x.yaml', '--data', 'x'], '--tenant has no recipe'],
    [['--tenant', 'northwind', '--data', '/nowhere'], '/nowhere'],
    [['--data', 'x'], "Or make a tenant's model, --tenant NAME --data FILE"],
    [['--recipe', 'x.yaml'], 'into which folder? Name it, --out FOLDER'],
  ])('refuses %j', async (args, message) => {
    await expect(train(...args)).rejects.toThrow(message);
  });

  it('holds out every tenth document that is long enough, and loses none', async () => {
    const texts = Array.from({ length: 45 }, (_, i) => `${i} `.repeat(i % 3 === 0 ? 5 : 400));
    const data = join(folder, 'corpus.jsonl');
    await writeFile(data, rows(texts));
    const { rest, heldOut, documents } = await holdOut([data], folder, { every: 10, characters: 100 });
    const read = async (path: string) =>
      (await readFile(path, 'utf8')).split('\n').flatMap((line) => (line ? [JSON.parse(line).text as string] : []));
    const [left, taken] = [await read(rest), await read(heldOut)];
    // Of the 30 that are long enough.
    expect([documents, taken.length, left.length]).toEqual([3, 3, 42]);
    expect([...left, ...taken].sort()).toEqual(texts.toSorted());
    expect(taken.every((text) => text.length >= 100)).toBe(true);
  });
});
