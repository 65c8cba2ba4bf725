import { join } from 'node:path';
import { requestSchema } from '../functions/contracts/request.ts';
import { type Ask, denoiseVisit } from '../functions/denoise-visit/denoise-visit.ts';
import { type Deployment, oneLane, prepare } from '../functions/prepare/prepare.ts';
import { readFleet, shippedModels } from '../lib/fleet.ts';
import { loadServedConfig, loadServedTokenizer } from '../models/checkpoint/served-model.ts';
import { loadStepModel, type StepModel } from '../models/inference/step-model.ts';
import { isDone, type Step } from '../models/ssd2/generation.ts';
import { pytorchSteps } from './pytorch.ts';
import type { Row } from './row.ts';
import { laneStep } from './step.ts';

const core = 'core';
const laneCounts = [1, 4, 16, 64];
/** Lanes that are made one by one, as what others are compared with; their texts must be the same. */
const alone = 3;
const kept = 256;

/** Prompts of unequal length, so that lanes of a pass have contexts of unequal length. */
const promptOf = (lane: number) => `To create queue ${lane},${' then another one,'.repeat(lane % 9)}`;

/**
 * Tokens a second of blocks of the shipped core, for some lanes side by side, beside the same lanes one by one, and beside
 * as many passes of a network of its shape in PyTorch: a row a lane, over contexts of the lanes' mean length.
 *
 * @param python a Python that has torch, where PyTorch is to be measured
 */
export async function laneRows(python: string | undefined): Promise<Row[]> {
  const directory = join(shippedModels, core);
  const [model, config, tokenizer, { catalog }] = await Promise.all([
    loadStepModel(directory),
    loadServedConfig(directory),
    loadServedTokenizer(directory),
    readFleet(),
  ]);
  const deployment = { config, tokenizer, catalog, kept };
  const rows = await decodingRows(model, deployment, python);
  await model.release();
  return rows;
}

async function decodingRows(model: StepModel, deployment: Deployment, python: string | undefined): Promise<Row[]> {
  const make = (first: number, lanes: number) => decode(model, deployment, first, lanes);
  await make(0, 1);
  const single = [];
  for (let lane = 0; lane < alone; lane++) single.push(await make(lane, 1));
  const tokens = single.reduce((sum, one) => sum + one.tokens, 0);
  const baseline = tokens / single.reduce((sum, { seconds }) => sum + seconds, 0);
  const rows: Row[] = [{ name: `blocks of ${core}, one by one`, value: baseline, unit: 'tokens/s' }];
  for (const lanes of laneCounts) {
    const { texts, tokens, passes, context, seconds } = await make(0, lanes);
    const alike = single.slice(0, lanes).every((one, lane) => one.texts[0] === texts[lane]);
    const value = tokens / seconds;
    const name = `blocks of ${core}, ${lanes} lanes side by side${alike ? '' : ', other texts'}`;
    rows.push({
      ...{ name, value, unit: 'tokens/s' },
      ...{ baseline: 'one by one', ratio: value / baseline },
    });
    if (python === undefined) continue;
    const shape = { vocabulary: model.config.vocabulary, lanes: [lanes], rows: [1], context, types: ['bf16'] as const };
    const { torch, threads, results } = await pytorchSteps(python, shape);
    const inPytorch = (1000 * tokens) / (passes * results[0].median);
    rows.push({
      ...{
        name: `${passes} passes of ${lanes} lanes over ${context} keys in PyTorch ${torch}, bf16, ${threads} threads`,
      },
      ...{ value: inPytorch, unit: 'tokens/s', baseline: 'ours, the same lanes', ratio: inPytorch / value },
    });
  }
  return rows;
}

let decoded = 0;

/** A block of each of some lanes. */
async function decode(model: StepModel, deployment: Deployment, first: number, count: number) {
  const { block } = deployment.config;
  const request = oneLane(requestSchema.parse({ prompt: '-', tokens: block }));
  const lanes = Array.from({ length: count }, (_, i) => ({ prompt: promptOf(first + i), seed: first + i }));
  const { generation, prompts } = await prepare({ ...request, lanes }, deployment);
  // What is kept of answers is kept for their owner: nothing is measured that was answered before.
  const owner = `run ${++decoded}`;
  let passes = 0;
  const ask: Ask = async (_, steps) => {
    passes++;
    const { envelopes, timings } = await model.denoise(steps, kept, owner);
    return { envelopes, milliseconds: { ...timings } };
  };
  // Contexts are encoded first: what is measured is the block.
  await model.denoise(
    prompts.map((context) => ({ ...laneStep(0, block, deployment.config.vocabulary), context })),
    kept,
    owner,
  );
  const started = performance.now();
  let step: Step = { generation, previous: [null] };
  while (!isDone(step.generation)) step = await denoiseVisit(step, [prompts], ask, () => true);
  const seconds = (performance.now() - started) / 1000;
  const committed = step.generation.lanes.map((lane) => lane.committed);
  return {
    texts: committed.map((ids) => ids.join(' ')),
    ...{ tokens: committed.flat().length, passes, seconds },
    context: Math.round(prompts.flat().length / prompts.length),
  };
}
