import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Fleet, readFleet } from '../../lib/fleet.ts';
import { type Model, saveModel } from '../../models/checkpoint/model-directory.ts';
import type { AutoregressiveConfig, DiffusionConfig, NetworkConfig } from '../../models/ssd2/config.ts';
import { parameterSpecs } from '../../models/ssd2/parameters.ts';
import { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import { trainTokenizer } from '../../models/tokenizer/train-tokenizer.ts';
import { ParameterBuffers } from '../../models/training/parameter-buffers.ts';

/** Small enough to build and run in milliseconds; every mechanism of the real models is there. */
export const tinyConfig: DiffusionConfig = {
  kind: 'ssd2',
  vocabulary: 300,
  width: 16,
  layers: 2,
  heads: 2,
  feedForward: 32,
  positions: 40,
  endOfText: 0,
  block: 5,
  simplex: 'posterior',
  selfConditioning: 'mean',
  contextMask: 'segment',
  attentionBias: 'none',
};

export const autoregressiveConfig: AutoregressiveConfig = {
  kind: 'autoregressive',
  ...{ vocabulary: 300, width: 16, layers: 2, heads: 2, feedForward: 32, positions: 40, endOfText: 0 },
  attentionBias: 'none',
};

export const sentences = [
  'The queue holds messages until a worker reads them and deletes them.',
  'A worker that fails leaves the message in the queue for another worker to read.',
  'To create a queue, choose a name, then set how long the messages are kept.',
  'You can send a call to another agent, or to the queue that the agent works for.',
];

/** Untrained weights, scaled up so that logits differ by whole nats. */
export function tinyWeights(config: NetworkConfig, seed: number): Model['weights'] {
  const buffers = new ParameterBuffers(parameterSpecs(config));
  buffers.initialise(
    seed,
    Uint16Array.from({ length: 1000 }, (_, i) => (i * i) % config.vocabulary),
  );
  for (const [name, { data }] of buffers.views(buffers.weights)) {
    // Starts as zeros, under which the previous logits would not count.
    if (name === 'embed.previous') for (let i = 0; i < data.length; i++) data[i] = Math.cos(i) / 8;
    if (!/norm|prior|head.bias/.test(name)) for (let i = 0; i < data.length; i++) data[i] *= 8;
  }
  return buffers.views(buffers.weights);
}

export async function tinyTokenizer(): Promise<string> {
  return trainTokenizer(sentences, tinyConfig.vocabulary);
}

export async function tinyModel(name: string, seed: number, config = tinyConfig): Promise<Model> {
  const tokenizer = Tokenizer.parse(await tinyTokenizer());
  return { name, config, tokenizer, weights: tinyWeights(config, seed) };
}

/** A folder with a core and the tenant `acme`; the caller removes it. */
export async function tinyFleet(): Promise<{ fleet: Fleet; folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'slingshot-fleet-'));
  const tokenizer = await tinyTokenizer();
  await saveModel(join(folder, 'core'), tinyConfig, tokenizer, tinyWeights(tinyConfig, 1));
  const tenantConfig = { ...tinyConfig, width: 8, layers: 1 };
  await saveModel(join(folder, 'acme'), tenantConfig, tokenizer, tinyWeights(tenantConfig, 2));
  return { fleet: await readFleet(folder), folder, remove: () => rm(folder, { recursive: true }) };
}

/** What a fleet.json may say of the routed fleet's models. */
export const routedFleet = {
  cores: {
    core: 'core',
    specialists: [
      { from: 0, to: 0.5, model: 'core' },
      { from: 0.5, to: 0.8, model: 'middle' },
      { from: 0.8, to: 1, model: 'high' },
    ],
    instruct: { routes: 'middle', template: 'instruction' },
  },
  tenants: { acme: 'acme' },
};

/** Who is asked in its `specialists`, in ten timesteps down to 0.3. */
export const routedTimesteps = [
  [1, 'high'],
  [0.9, 'high'],
  [0.8, 'middle'],
  [0.7, 'middle'],
  [0.6, 'middle'],
  [0.5, 'core'],
  [0.4, 'core'],
];

/** The tiny fleet with two specialists, and a fleet.json that routes to them. */
export async function tinyRoutedFleet(): Promise<{ fleet: Fleet; folder: string; remove: () => Promise<void> }> {
  const { folder, remove } = await tinyFleet();
  for (const [seed, name] of ['middle', 'high'].entries()) {
    await saveModel(join(folder, name), tinyConfig, await tinyTokenizer(), tinyWeights(tinyConfig, 10 + seed));
  }
  await writeFile(join(folder, 'fleet.json'), JSON.stringify(routedFleet));
  return { fleet: await readFleet(folder), folder, remove };
}
