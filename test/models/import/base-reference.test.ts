import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { shippedModels } from '../../../lib/fleet.ts';
import { loadRunnableBase, type RunnableBase } from '../../../models/checkpoint/adapter-directory.ts';
import { BaseRunner } from '../../../models/inference/base-runner.ts';

/** What test/references/base.py found in the same GGUF file by a tokenizer in Python and a network in PyTorch. */
const referenceSchema = z.object({
  digest: z.string(),
  tensorDigests: z.record(z.string(), z.string()),
  lineDigests: z.array(z.string()),
  heldOut: z.object({
    ids: z.array(z.int()),
    logitIds: z.array(z.array(z.int())),
    logits: z.string(),
    logSumExp: z.string(),
  }),
  greedy: z.array(z.object({ prompt: z.array(z.int()), tokens: z.array(z.int()), leastLead: z.number() })),
});

const fixture = (name: string) => readFile(join(import.meta.dirname, '..', '..', 'fixtures', name));
const floats = (packed: string) => new Float32Array(Uint8Array.from(Buffer.from(packed, 'base64')).buffer);
const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
/** Of 1,000: the rows before do not depend on those behind. */
const compared = 120;

describe('the shipped base', () => {
  let base: RunnableBase;
  let reference: z.infer<typeof referenceSchema>;
  let runner: BaseRunner;
  beforeAll(async () => {
    reference = referenceSchema.parse(JSON.parse((await fixture('base-reference.json')).toString()));
    // A GPU's form, in float32, which runs here too.
    base = await loadRunnableBase(join(shippedModels, 'smollm2-135m-instruct'), 'cuda');
    runner = await BaseRunner.create(base.network, undefined, 1024);
  });
  afterAll(() => runner.release());

  /** Logits [ids][vocabulary] of what follows each token. */
  async function logitsOf(ids: readonly number[]): Promise<Float32Array[]> {
    const { vocabulary } = base.network.shape;
    const rows = ids.map((_, i) => i);
    const logits = await runner.run([
      {
        context: [],
        tokens: ids,
        positions: rows,
        adapted: ids.map(() => false),
        sees: (i, j) => j <= i,
        asked: rows,
      },
    ]);
    return rows.map((row) => logits.subarray(row * vocabulary, (row + 1) * vocabulary));
  }

  it('has the numbers of the file that it was imported from, to the bit', () => {
    expect(base.digest).toBe(reference.digest);
    for (const [name, digest] of Object.entries(reference.tensorDigests)) {
      const values = base.tensors.get(name)?.toFloat32() as Float32Array;
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      expect([name, sha256(bytes).slice(0, 16)]).toEqual([name, digest]);
    }
  });

  it('cuts 10,000 lines of words, digits, code, emoji and other scripts into the same tokens', async () => {
    const lines = gunzipSync(await fixture('base-reference.lines.txt.gz'))
      .toString()
      .split('\n');
    const ids = await base.tokenizer.encodeBatch(lines);
    const digests = reference.lineDigests.map((_, i) =>
      sha256(
        ids
          .slice(100 * i, 100 * (i + 1))
          .map((line) => line.join(' '))
          .join('\n'),
      ),
    );
    expect(digests).toEqual(reference.lineDigests);
  });

  it('has the logits of held-out text', async () => {
    const { ids, logitIds, logits, logSumExp } = reference.heldOut;
    const [expected, normalisers] = [floats(logits), floats(logSumExp)];
    const width = logitIds[0].length;
    const rows = await logitsOf(ids.slice(0, compared));
    rows.forEach((row, position) => {
      // Logits are around 10 to 30, and each is a sum of some thousand products in float32.
      logitIds[position].forEach((id, i) => {
        expect(Math.abs(row[id] - expected[position * width + i])).toBeLessThan(2e-3);
      });
      const largest = row.reduce((a, b) => Math.max(a, b));
      const sum = row.reduce((total, value) => total + Math.exp(value - largest), 0);
      expect(Math.abs(largest + Math.log(sum) - normalisers[position])).toBeLessThan(2e-3);
      expect(row[logitIds[position][0]]).toBe(largest);
    });
  });

  it('goes on greedily with the same 50 tokens', async () => {
    for (const { prompt, tokens, leastLead } of reference.greedy) {
      expect(leastLead).toBeGreaterThan(2e-3);
      const rows = await logitsOf([...prompt, ...tokens.slice(0, -1)]);
      const likeliest = rows.slice(prompt.length - 1).map((row) => row.indexOf(row.reduce((a, b) => Math.max(a, b))));
      expect(likeliest).toEqual(tokens);
    }
  });
});
