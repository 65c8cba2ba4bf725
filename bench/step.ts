import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { shippedModels } from '../lib/fleet.ts';
import { loadStepModel } from '../models/inference/step-model.ts';
import type { LaneStep } from '../models/ssd2/step.ts';
import type { Row } from './row.ts';
import { median } from './timing.ts';

const core = 'core';
const contextTokens = 200;
const laneCounts = [1, 4, 16];
const runs = 7;

/**
 * A denoise step of the pretrained core over 200 cached keys, by part, for some lanes at once, and beside it the same step of
 * a network of its shape in PyTorch.
 *
 * @param python a Python that has torch, where PyTorch is to be measured
 */
export async function stepRows(python: string | undefined): Promise<Row[]> {
  const model = await loadStepModel(join(shippedModels, core));
  const { vocabulary, block } = model.config;
  const baselines = python === undefined ? [] : await pytorchRows(python, vocabulary);
  const rows: Row[] = [];
  for (const lanes of laneCounts) {
    const steps = Array.from({ length: lanes }, (_, lane) => laneStep(lane, block, vocabulary));
    // The first contexts are encoded, the later ones found again.
    await model.denoise(steps, 256, '');
    const parts: Record<string, number[]> = {};
    for (let run = 0; run < runs; run++) {
      const { timings } = await model.denoise(steps, 256, '');
      for (const [part, milliseconds] of Object.entries(timings)) {
        const times = parts[part] ?? [];
        parts[part] = times;
        times.push(milliseconds);
      }
    }
    const row = (part: string, value: number): Row => ({
      name: `step of ${core}, ${lanes} x ${block} rows: ${part}`,
      value,
      unit: 'ms',
    });
    for (const [part, times] of Object.entries(parts)) {
      const baseline =
        part === 'model' && baselines.find(({ name }) => name.endsWith(`${lanes} x ${block} rows, bf16`));
      const value = median(times);
      rows.push({
        ...row(part, value),
        ...(baseline ? { baseline: 'PyTorch in bf16', ratio: value / baseline.value } : {}),
      });
    }
  }
  await model.release();
  return [...baselines, ...rows];
}

/** A step in the middle of a block, in the published form. */
function laneStep(lane: number, block: number, vocabulary: number): LaneStep {
  const token = (i: number) => (7919 * (i + 1) + 104_729 * lane) % vocabulary;
  return {
    ...{ seed: 1, lane, block: 0, step: 8, steps: 16, previous: null },
    context: Array.from({ length: contextTokens }, (_, i) => token(i)),
    tokens: Array.from({ length: block }, (_, i) => [token(contextTokens + i)]),
  };
}

const script = join(import.meta.dirname, 'baselines', 'pytorch_denoise_step.py');

const answerSchema = z.object({
  torch: z.string(),
  threads: z.int(),
  results: z.array(
    z.object({ type: z.string(), lanes: z.int(), rows: z.int(), median: z.number(), least: z.number() }),
  ),
});

async function pytorchRows(python: string, vocabulary: number): Promise<Row[]> {
  const { stdout } = await promisify(execFile)(python, [script, '--vocabulary', String(vocabulary)]);
  const { torch, threads, results } = answerSchema.parse(JSON.parse(stdout));
  return results.flatMap(({ type, lanes, rows, median, least }) => {
    const name = `step in PyTorch ${torch}, ${threads} threads: `;
    const shape = `${lanes} x ${rows} rows, ${type}`;
    return [
      { name: `${name}least, ${shape}`, value: least, unit: 'ms' },
      { name: `${name}${shape}`, value: median, unit: 'ms' },
    ];
  });
}
