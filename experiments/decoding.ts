import { join } from 'node:path';
import { shippedModels } from '../lib/fleet.ts';
import { type AdaptedModel, loadAdapter } from '../models/checkpoint/adapter-directory.ts';
import { readTexts } from '../models/data/documents.ts';
import { judgedTable } from '../models/evaluation/judged-table.ts';
import { type JudgedText, judgeTexts } from '../models/evaluation/judged-text.ts';
import { promptsOf } from '../models/evaluation/prompts.ts';
import { realSegments } from '../models/evaluation/real-segments.ts';
import { table } from '../models/evaluation/table.ts';
import { ngramJudge } from '../models/evaluation/text-judge.ts';
import { wordsOf } from '../models/evaluation/text-metrics.ts';
import { trainJudge } from '../models/evaluation/train-judge.ts';
import { AdaptedDenoiser } from '../models/inference/adapted-denoiser.ts';
import { lineChart } from '../models/pictures/line-chart.ts';
import { type Form, nextTokenForm } from '../models/ssd2/form.ts';
import { InformationTable } from '../models/ssd2/information.ts';
import type { Lab } from './lab.ts';
import type { Report } from './report.ts';
import { sampleByForm } from './sample-by-form.ts';

const promptCount = 24;
const promptWords = 30;
const tokens = 50;
/** Of a block, by a form; one that settles sooner ends sooner. */
const mostPasses = 60;
const publishedSteps = 32;
const judgeCharacters = 1e7;

interface Arm {
  readonly name: string;
  readonly form?: Form;
  readonly bestOf?: number;
  /** The family that a line of the picture joins. */
  readonly family: 'published' | 'grid' | 'wave' | 'left to right' | 'best of 4' | 'control';
}

/** The published form, then what is changed on it, each beside the same with the denoiser replaced by the prior. */
function armsOf(model: AdaptedModel): Arm[] {
  const { timesteps, open } = model.config.information as { timesteps: number[]; open: number[] };
  const table = new InformationTable(timesteps, open);
  const grid = (n: number) => Array.from({ length: n }, (_, i) => table.timestepAt(1 - (0.95 * i) / (n - 1)));
  const rising = (n: number) => Array.from({ length: n }, (_, i) => table.timestepAt((i + 1) / n));
  const arm = (family: Arm['family'], name: string, changes: Partial<Form>): Arm => ({
    family,
    name,
    form: { ...nextTokenForm, ...changes },
  });
  const withControl = (family: Arm['family'], name: string, changes: Partial<Form>): Arm[] => [
    arm(family, name, changes),
    arm('control', `${name}; denoiser replaced by the prior`, { ...changes, denoiser: 0 }),
  ];
  const wave = { timesteps: rising(12), evidence: 0.25 };
  return [
    { name: `published, ${publishedSteps} timesteps`, family: 'published' },
    arm('grid', 'information grid of 16', { timesteps: grid(16), wave: false, denoiser: 1, draft: 0, evidence: 1 }),
    ...withControl('grid', 'grid with draft', { timesteps: grid(16), wave: false, denoiser: 1, evidence: 1 }),
    ...withControl('grid', 'grid with draft, evidence 0.25', {
      timesteps: grid(16),
      wave: false,
      denoiser: 1,
      evidence: 0.25,
    }),
    ...withControl('wave', 'wave, denoiser 1', { ...wave, denoiser: 1 }),
    arm('wave', 'wave, denoiser 0.5', { ...wave, denoiser: 0.5 }),
    arm('wave', 'wave, denoiser 0.25, no evidence', { ...wave, denoiser: 0.25, evidence: 0 }),
    ...withControl('wave', 'wave, denoiser 0.5, temperature 0.8, sharpened by 0.1', {
      ...wave,
      ...{ denoiser: 0.5, temperature: 0.8, sharpen: 0.1 },
    }),
    arm('control', 'next-token logits and the own noise', { ...wave, evidence: 1 }),
    arm('left to right', 'left to right', {}),
    arm('left to right', 'left to right, temperature 0.9', { temperature: 0.9 }),
    arm('left to right', 'left to right, temperature 0.8', { temperature: 0.8 }),
    arm('left to right', 'left to right, temperature 0.7', { temperature: 0.7 }),
    arm('left to right', 'left to right, sharpened by 0.1', { sharpen: 0.1 }),
    arm('left to right', 'left to right, sharpened by 0.3', { sharpen: 0.3 }),
    arm('left to right', 'left to right, temperature 0.8, sharpened by 0.1', { temperature: 0.8, sharpen: 0.1 }),
    { ...arm('best of 4', 'the same, best of 4', { temperature: 0.8, sharpen: 0.1 }), bestOf: 4 },
  ];
}

interface Result {
  readonly arm: Arm;
  readonly passes: number;
  readonly judged: JudgedText;
}

/** The shipped core's text by how a block is decoded, each part beside its control. */
export async function decoding(lab: Lab): Promise<Report> {
  const model = await loadAdapter(join(shippedModels, 'core'));
  const denoiser = await AdaptedDenoiser.create(model, { threads: lab.options.threads ?? 1 });
  const { tokenizer } = model;
  const prompts = await promptsOf(await lab.files('core', 'valid'), promptCount, promptWords);
  const arms = armsOf(model);
  const seed = lab.seeds[0];
  const written = [];
  for (const arm of arms) {
    lab.progress(`decoding: ${arm.name}`);
    const steps = arm.form ? mostPasses : publishedSteps;
    const asked = { steps, tokens, seed: 1000 * seed, endOfText: model.config.endOfText };
    const { samples, passes } = await sampleByForm(denoiser, tokenizer, prompts, {
      ...asked,
      ...(arm.form ? { form: arm.form } : {}),
      ...(arm.bestOf === undefined ? {} : { bestOf: arm.bestOf }),
    });
    written.push({ arm, samples, passes });
  }
  await denoiser.release();
  lab.progress('decoding: judging');
  const lengths = written.flatMap(({ samples }) => samples.map(({ text }) => wordsOf(text).length));
  const textWords = lengths.sort((a, b) => a - b)[lengths.length >> 1];
  const real = await realSegments(readTexts(await lab.files('core', 'valid')), { promptWords, textWords, count: 400 });
  const made = await trainJudge(readTexts(await lab.files('core', 'train')), tokenizer, judgeCharacters);
  const judge = ngramJudge(made.model, tokenizer);
  const sets = written.map(({ arm: { name }, samples }) => ({ name, samples }));
  const [mark, ...judged] = await judgeTexts(sets, real, judge, readTexts(await lab.files('core', 'train')));
  const results: Result[] = written.map(({ arm, passes }, i) => ({ arm, passes, judged: judged[i] }));
  return reportOf(lab, mark, results, written);
}

function reportOf(lab: Lab, mark: JudgedText, results: readonly Result[], data: unknown): Report {
  const nats = (name: string) =>
    (results.find(({ arm }) => arm.name === name) as Result).judged.natsPerCharacter.value.toFixed(3);
  const best = results.toSorted((a, b) => a.judged.natsPerCharacter.value - b.judged.natsPerCharacter.value)[0];
  const families = ['published', 'grid', 'wave', 'left to right', 'best of 4', 'control'] as const;
  return {
    title: '8. How a block is decoded',
    finding:
      `As published the core's text costs the judge ${nats(`published, ${publishedSteps} timesteps`)} nats a character, ` +
      `by the wave ${nats('wave, denoiser 1')} and with the denoiser replaced by the prior ${nats('wave, denoiser 1; denoiser replaced by the prior')}, ` +
      `left to right ${nats('left to right')}; least by ${best.arm.name}, ${best.judged.natsPerCharacter.value.toFixed(3)}. ` +
      `Real text costs ${mark.natsPerCharacter.value.toFixed(3)}.`,
    setup:
      `The shipped core after ${promptCount} prompts of ${promptWords} words of core.valid, ${tokens} tokens each, seed ` +
      `${lab.seeds[0]}; 95 % intervals over samples. The judge is a Kneser-Ney 5-gram of ${judgeCharacters / 1e6} million ` +
      'characters of core.train, which the base did not learn from and the adapter did.',
    tables: [
      {
        caption: 'Network passes a block:',
        markdown: table(
          ['', 'passes'],
          results.map(({ arm, passes }) => [arm.name, passes.toFixed(1)]),
        ),
      },
      { caption: 'Text beside real text:', markdown: judgedTable([mark, ...results.map(({ judged }) => judged)]) },
    ],
    charts: [
      {
        name: 'decoding',
        alt: 'Nats a character under the judge over network passes a block, by how a block is decoded',
        svg: lineChart({
          title: 'Text by how a block is decoded',
          x: 'network passes a block',
          y: 'nats a character under the judge',
          series: families.map((family) => {
            const own = results.filter(({ arm }) => arm.family === family);
            return {
              name: family,
              points: own.map(({ passes, judged }) => [passes, judged.natsPerCharacter.value] as const),
            };
          }),
        }),
      },
    ],
    data,
  };
}
