import { join } from 'node:path';
import { shippedModels } from '../lib/fleet.ts';
import { loadStepModel, type StepModel } from '../models/inference/step-model.ts';
import { formOf } from '../models/ssd2/quality.ts';
import type { LaneStep } from '../models/ssd2/step.ts';
import { type PytorchSteps, pytorchSteps } from './pytorch.ts';
import type { Row } from './row.ts';
import { median } from './timing.ts';

const core = 'core';
const contextTokens = 200;
const laneCounts = [1, 4, 16];
const threadCounts = [1, 2];
const runs = 7;
const pytorchSeconds = 2;

/**
 * A denoise step of the pretrained core over 200 cached keys, by part, for some lanes at once, given a previous step's logits,
 * and beside it the same step of a network of its shape in PyTorch on as many threads; then the same from left to right, a
 * position a step.
 *
 * @param python a Python that has torch, where PyTorch is to be measured
 */
export async function stepRows(python: string | undefined): Promise<Row[]> {
  const rows: Row[] = [];
  for (const threads of threadCounts) rows.push(...(await rowsOf(threads, python)));
  return rows;
}

async function rowsOf(threads: number, python: string | undefined): Promise<Row[]> {
  const model = await loadStepModel(join(shippedModels, core), { threads });
  const { vocabulary, block } = model.config;
  const baselines =
    python === undefined
      ? []
      : await pytorchRows(python, { vocabulary, lanes: laneCounts, threads, seconds: pytorchSeconds });
  const rows: Row[] = [];
  const { envelopes } = await model.denoise([laneStep(0, block, vocabulary)], 256, '');
  const forms = [
    { name: 'published', rows: block, changes: () => ({ previous: envelopes[0] }) },
    { name: 'left to right', rows: 1, changes: (run: number) => ({ form: formOf('default'), settled: run }) },
  ];
  for (const { name, rows: computed, changes } of forms) {
    for (const lanes of laneCounts) {
      const parts = await partsOf(model, lanes, (lane, run) => ({
        ...laneStep(lane, block, vocabulary),
        ...changes(run),
      }));
      for (const [part, value] of Object.entries(parts)) {
        const same = `${lanes} x ${computed} rows, bf16`;
        const baseline = part === 'model' && baselines.find((row) => row.name.endsWith(`: ${same}`));
        rows.push({
          ...{ name: `step of ${core}, ${threads} threads, ${name}, ${lanes} x ${computed} rows: ${part}` },
          ...{ value, unit: 'ms' },
          ...(baseline ? { baseline: 'PyTorch in bf16', ratio: value / baseline.value } : {}),
        });
      }
    }
  }
  await model.release();
  return [...baselines, ...rows];
}

/** The median of each part of a step's time over some runs, for some lanes at once, in milliseconds. */
async function partsOf(
  model: StepModel,
  lanes: number,
  step: (lane: number, run: number) => LaneStep,
): Promise<Record<string, number>> {
  const parts: Record<string, number[]> = {};
  // The first run encodes the contexts, the later ones find them again.
  for (let run = 0; run <= runs; run++) {
    const steps = Array.from({ length: lanes }, (_, lane) => step(lane, run));
    const { timings } = await model.denoise(steps, 256, '');
    if (run === 0) continue;
    for (const [part, milliseconds] of Object.entries(timings)) {
      const times = parts[part] ?? [];
      parts[part] = times;
      times.push(milliseconds);
    }
  }
  return Object.fromEntries(Object.entries(parts).map(([part, times]) => [part, median(times)]));
}

/** A step in the middle of a block, in the published form. */
export function laneStep(lane: number, block: number, vocabulary: number): LaneStep {
  const token = (i: number) => (7919 * (i + 1) + 104_729 * lane) % vocabulary;
  return {
    ...{ seed: 1, lane, block: 0, step: 8, steps: 16, previous: null },
    context: Array.from({ length: contextTokens }, (_, i) => token(i)),
    tokens: Array.from({ length: block }, (_, i) => [token(contextTokens + i)]),
  };
}

/** A denoise step in PyTorch, for some lanes at once. */
async function pytorchRows(python: string, asked: PytorchSteps): Promise<Row[]> {
  const { torch, threads, results } = await pytorchSteps(python, asked);
  return results.flatMap(({ type, lanes, rows, median, least }) => {
    const name = `step in PyTorch ${torch}, ${threads} threads: `;
    const shape = `${lanes} x ${rows} rows, ${type}`;
    return [
      { name: `${name}least, ${shape}`, value: least, unit: 'ms' },
      { name: `${name}${shape}`, value: median, unit: 'ms' },
    ];
  });
}
