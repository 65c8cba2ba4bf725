import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shippedModels } from '../lib/fleet.ts';
import { type AdaptedModel, loadAdapter } from '../models/checkpoint/adapter-directory.ts';
import { baseFiles, chatOf } from '../models/checkpoint/base.ts';
import { modelVersion } from '../models/checkpoint/served-model.ts';
import { type Corpus, tokenizeInMemory } from '../models/data/tokenize.ts';
import { adaptedLoss } from '../models/evaluation/adapted-loss.ts';
import type { DenoisingLoss } from '../models/evaluation/denoising-loss.ts';
import { objectiveLoss } from '../models/evaluation/objective-loss.ts';
import { loadStepModel } from '../models/inference/step-model.ts';
import { adapterSpecs } from '../models/network/adapter.ts';
import { parameterCount } from '../models/ssd2/parameters.ts';
import { type AdapterTraining, trainAdapter } from './adapters.ts';
import { coreReport, type Gain, gainOf, type SizeRow, type SpecialistRow, type TaughtRow } from './core-report.ts';
import { armsOf, published } from './decoding.ts';
import { FormBench, promptCount, type Way } from './form-bench.ts';
import { baseModel, type Lab, type Trained, type Vocabulary } from './lab.ts';
import { heldOutObjective, ownPosterior } from './losses.ts';
import type { Report } from './report.ts';

const information = { noise: 'information', cleanTokens: 0.5 } as const;
const lowRank: AdapterTraining = { rank: 32, objective: information, learningRate: 0.0015, steps: 110 };
/** A step of all weights takes two to three times as long. */
const fullSteps = 46;

/** How the core's training came to what it is, each change upon the one before. */
const stages = {
  'pretrained start': { ...lowRank, objective: { noise: 'uniform', cleanTokens: 0 } },
  '+ even in information': { ...lowRank, objective: { noise: 'information', cleanTokens: 0 } },
  '+ clean tokens': lowRank,
} as const satisfies Record<string, AdapterTraining>;

/** What is trained upon the base, for the same processor time. */
const sizes = {
  'rank 8': { ...lowRank, rank: 8 },
  'rank 32': lowRank,
  'rank 128': { ...lowRank, rank: 128 },
  'rank 128, slower': { ...lowRank, rank: 128, learningRate: 5e-4 },
  'all weights': { ...lowRank, rank: 'full', learningRate: 2e-4, steps: fullSteps },
  'all weights, faster': { ...lowRank, rank: 'full', learningRate: 5e-4, steps: fullSteps },
} as const satisfies Record<string, AdapterTraining>;

/** With instructions in the base's chat template among the text. */
const withChat: AdapterTraining = { ...lowRank, chat: 0.25 };

/** A network from nothing, of about as many numbers as the adapter, for the same processor time. */
const nothing = { layers: 4, steps: 170, name: 'from nothing, as published' };

/** With the fifths of t that tell them from the core. Nothing is decoded below 0.2, where the shipped fleet has the core. */
const specialists = [
  { from: 0, to: 0.4, name: 'specialist-low', ranges: [1] },
  { from: 0.4, to: 0.6, name: 'specialist-middle', ranges: [2] },
  { from: 0.6, to: 1, name: 'specialist-high', ranges: [3, 4] },
] as const;

/** Sequences are four times as many. */
const batches = 6;
const seed = 5;
const publishedWay: Way = { name: published };
const names = { core: '+ 4.5 million tokens on a GPU: the core', specialists: 'specialists, as published' };

/** What the core owes to its base, its training and its decoding; LoRA against all weights; its specialists. */
export async function core(lab: Lab): Promise<Report> {
  const directory = join(shippedModels, 'core');
  const shipped = await loadAdapter(directory);
  const bench = await FormBench.create(lab, shipped.tokenizer, shipped.config.endOfText);
  const json = await readFile(join(shippedModels, shipped.base.name, baseFiles.tokenizer), 'utf8');
  const { tokens } = await lab.corpus('core', 'valid', { json, tokenizer: shipped.tokenizer });
  const text = { tokens };
  const instructions = await heldOutInstructions(lab, shipped);

  const measure: Measure = async (name, where, options = {}) => {
    const { against, ...more } = { seed, batches, ...options };
    const corpus = more.instructions ? instructions : text;
    const versions = await Promise.all([where, ...(against ? [against] : [])].map(modelVersion));
    return lab.kept('losses', [versions, more], async () => {
      lab.progress(`measuring ${name}`);
      const other = against ? { against: await loadAdapter(against) } : {};
      return adaptedLoss(corpus, await loadAdapter(where), { ...more, ...other, ...runtime(lab) });
    });
  };
  const write = async (name: string, where: string, ways: readonly Way[]) => {
    const model = await loadStepModel(where, runtime(lab).runtime);
    const writer = { version: await modelVersion(where), routes: [{ from: 0, to: 1, model }] };
    const written = await bench.write(writer, ways, 0);
    await model.release();
    return written.map((one) => ({ ...one, way: { ...one.way, name: name || one.way.name } }));
  };

  const fresh = await fromNothing(lab, shipped, { json, tokenizer: shipped.tokenizer });
  const gains: Gain[] = [await gainOfNetwork(fresh, tokens)];
  const texts = await write(nothing.name, fresh.directory, [publishedWay]);
  for (const [name, training] of Object.entries(stages)) {
    const own = await trainAdapter(lab, name, training);
    gains.push(gainOf(name, await measure(name, own)));
    texts.push(...(await write(name, own, [publishedWay])));
  }
  gains.push(gainOf(names.core, await measure(names.core, directory)));
  texts.push(
    ...(await write(names.core, directory, [publishedWay])),
    ...(await write('', directory, decodings(shipped))),
  );

  const bySize = await againstRank32(lab, measure);
  const taught = await onInstructions(lab, directory, measure);
  const routed = await routedSpecialists(lab, directory, measure);
  texts.push(...(await bench.write(routed.writer, [{ ...publishedWay, name: names.specialists }], 0)));
  for (const { model } of routed.writer.routes) await model.release();
  const judged = await bench.judge(texts);
  return coreReport({ gains, judged, bySize, taught, specialists: routed.rows, setup }, names);
}

const setup =
  `Adapters of the shipped base on a tenth of the core's corpus: ${lowRank.steps} steps of 200 noised tokens, ${fullSteps} where all weights are ` +
  `trained, which take at least as long; one seed. The network from nothing has ${nothing.layers} layers of ${baseModel.width} and ${nothing.steps} steps of ` +
  `1,000. Losses on ${4 * batches} sequences of 200 held-out tokens, of specialists on ${8 * batches}; differences token by token on the same noise, ` +
  `95 % intervals over sequences. Text after the ${promptCount} prompts on which experiment 8 compares its forms, as published down to the core and ` +
  'by the specialists, in between by other forms of the core.';

function runtime(lab: Lab) {
  return { runtime: { threads: lab.options.threads ?? 1 } };
}

function fromNothing(lab: Lab, { config }: AdaptedModel, vocabulary: Vocabulary): Promise<Trained> {
  const { layers, steps } = nothing;
  return lab.train({
    model: { ...baseModel, layers, vocabulary: config.vocabulary, endOfText: config.endOfText },
    objective: { nextTokenWeight: 0 },
    ...{ domain: 'core', seed: lab.seeds[0], steps, vocabulary },
  });
}

async function gainOfNetwork({ model }: Trained, tokens: Uint16Array) {
  const { config, weights } = model;
  const objective = heldOutObjective(config, tokens);
  const { byRange } = await objectiveLoss(config, weights, objective, batches, objective.rows);
  const own = ownPosterior(objective, weights.get('prior')?.data as Float32Array, batches);
  return { name: nothing.name, gain: byRange.map(({ mean }, range) => own.byRange[range] - mean) };
}

/** The ways of experiment 8 that change one thing each, then the best of four by the last. */
function decodings(model: AdaptedModel): Way[] {
  const arms = armsOf(model);
  const named = (name: string): Way => {
    const found = arms.find((arm) => arm.name === name);
    if (!found) throw new Error(`no arm ${name}`);
    return found;
  };
  const wave = named('wave, denoiser 0.25, no evidence, temperature 0.8, sharpened by 0.1');
  return [
    named('information grid of 16'),
    named('grid with draft'),
    named('grid with draft, evidence 0.25'),
    named('wave, denoiser 0.5'),
    wave,
    { ...wave, name: 'that wave, best of 4', bestOf: 4 },
  ];
}

/** The held-out loss of the adapter in a folder, and its difference to that in another; found where it was measured before. */
type Measure = (
  name: string,
  directory: string,
  options?: {
    readonly against?: string;
    readonly cleanTokens?: number;
    readonly selfConditioned?: boolean;
    readonly batches?: number;
    /** On held-out instructions' responses, in the base's chat template. */
    readonly instructions?: true;
  },
) => Promise<DenoisingLoss>;

async function againstRank32(lab: Lab, measure: Measure): Promise<SizeRow[]> {
  const against = await trainAdapter(lab, 'rank 32', sizes['rank 32']);
  const rows: SizeRow[] = [];
  for (const [name, training] of Object.entries(sizes)) {
    const directory = await trainAdapter(lab, name, training);
    const { base, config } = await loadAdapter(directory);
    rows.push({
      ...{ name, training },
      parameters: parameterCount(adapterSpecs(base.network.shape, config)),
      all: await measure(name, directory, { against }),
      besideClean: await measure(name, directory, { against, cleanTokens: 1 }),
    });
  }
  return rows;
}

/** Held-out instructions in the base's chat template. */
function heldOutInstructions({ options }: Lab, { tokenizer, base }: AdaptedModel): Promise<Corpus> {
  return tokenizeInMemory([join(options.corpora, 'instructions.valid.jsonl.gz')], tokenizer, {
    ...{ policy: 'fail', format: 'instructions' },
    chat: chatOf(base),
  });
}

async function onInstructions(lab: Lab, shipped: string, measure: Measure): Promise<TaughtRow[]> {
  const folders = {
    'text alone': await trainAdapter(lab, 'rank 32', lowRank),
    'a quarter instructions': await trainAdapter(lab, 'with instructions', withChat),
    'the core': shipped,
  };
  const rows: TaughtRow[] = [];
  for (const [name, directory] of Object.entries(folders)) {
    const responses = await measure(`${name} on instructions`, directory, { instructions: true });
    rows.push({ name, text: await measure(name, directory), responses });
  }
  return rows;
}

async function routedSpecialists(lab: Lab, against: string, measure: Measure) {
  const rows: SpecialistRow[] = [];
  for (const { name, ranges } of specialists) {
    const directory = join(shippedModels, name);
    const more = { against, batches: 2 * batches };
    rows.push({
      ...{ name, ranges },
      plain: await measure(name, directory, more),
      conditioned: await measure(`${name}, self-conditioned`, directory, { ...more, selfConditioned: true }),
    });
  }
  const routes = await Promise.all(
    specialists.map(async ({ from, to, name }) => {
      return { from, to, model: await loadStepModel(join(shippedModels, name), runtime(lab).runtime) };
    }),
  );
  const versions = await Promise.all(specialists.map(({ name }) => modelVersion(join(shippedModels, name))));
  return { rows, writer: { version: versions.join(), routes } };
}
