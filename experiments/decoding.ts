import { join } from 'node:path';
import { shippedModels } from '../lib/fleet.ts';
import { type AdaptedModel, loadAdapter } from '../models/checkpoint/adapter-directory.ts';
import { modelVersion } from '../models/checkpoint/served-model.ts';
import { judgedTable } from '../models/evaluation/judged-table.ts';
import type { JudgedText } from '../models/evaluation/judged-text.ts';
import { table } from '../models/evaluation/table.ts';
import { AdaptedDenoiser } from '../models/inference/adapted-denoiser.ts';
import { lineChart } from '../models/pictures/line-chart.ts';
import { type Form, nextTokenForm } from '../models/ssd2/form.ts';
import { InformationTable } from '../models/ssd2/information.ts';
import {
  FormBench,
  type Judged,
  judgeCharacters,
  promptCount,
  promptWords,
  publishedSteps,
  tokens,
  type Way,
} from './form-bench.ts';
import type { Lab } from './lab.ts';
import type { Report } from './report.ts';

export const published = `published, ${publishedSteps} timesteps`;

interface Arm extends Way {
  /** The family that a line of the picture joins. */
  readonly family: 'published' | 'grid' | 'wave' | 'left to right' | 'best of 4' | 'control';
}

/** The same with the denoiser replaced by the prior. */
function controlOf({ name, form }: Arm): Arm {
  return {
    family: 'control',
    name: `${name}; denoiser replaced by the prior`,
    form: { ...(form as Form), denoiser: 0 },
  };
}

/** The published form, then what is changed on it, each beside the same with the denoiser replaced by the prior. */
export function armsOf(model: AdaptedModel): Arm[] {
  const { timesteps, open } = model.config.information as { timesteps: number[]; open: number[] };
  const table = new InformationTable(timesteps, open);
  const grid = (n: number) => Array.from({ length: n }, (_, i) => table.timestepAt(1 - (0.95 * i) / (n - 1)));
  const rising = (n: number) => Array.from({ length: n }, (_, i) => table.timestepAt((i + 1) / n));
  const arm = (family: Arm['family'], name: string, changes: Partial<Form>): Arm => ({
    family,
    name,
    form: { ...nextTokenForm, ...changes },
  });
  const withControl = (family: Arm['family'], name: string, changes: Partial<Form>): Arm[] => {
    const made = arm(family, name, changes);
    return [made, controlOf(made)];
  };
  const wave = { timesteps: rising(12), evidence: 0.25 };
  const cool = { temperature: 0.8, sharpen: 0.1 };
  return [
    { name: published, family: 'published' },
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
    ...withControl('wave', 'wave, denoiser 1, temperature 0.8, sharpened by 0.1', { ...wave, ...cool, denoiser: 1 }),
    arm('wave', 'wave, denoiser 0.5, temperature 0.8, sharpened by 0.1', { ...wave, ...cool, denoiser: 0.5 }),
    ...withControl('wave', 'wave, denoiser 0.25, no evidence, temperature 0.8, sharpened by 0.1', {
      ...{ ...wave, ...cool, denoiser: 0.25, evidence: 0 },
    }),
    arm('control', 'next-token logits and the own noise', { ...wave, evidence: 1 }),
    arm('left to right', 'left to right', {}),
    arm('left to right', 'left to right, temperature 0.9', { temperature: 0.9 }),
    arm('left to right', 'left to right, temperature 0.8', { temperature: 0.8 }),
    arm('left to right', 'left to right, temperature 0.7', { temperature: 0.7 }),
    arm('left to right', 'left to right, sharpened by 0.1', { sharpen: 0.1 }),
    arm('left to right', 'left to right, sharpened by 0.3', { sharpen: 0.3 }),
    arm('left to right', 'left to right, temperature 0.8, sharpened by 0.1', cool),
    { ...arm('best of 4', 'the same, best of 4', cool), bestOf: 4 },
  ];
}

/** The shipped core's text by how a block is decoded, each part beside its control. */
export async function decoding(lab: Lab): Promise<Report> {
  const directory = join(shippedModels, 'core');
  const model = await loadAdapter(directory);
  const core = await AdaptedDenoiser.create(model, { threads: lab.options.threads ?? 1 });
  const writer = { version: await modelVersion(directory), routes: [{ from: 0, to: 1, model: core }] };
  const bench = await FormBench.create(lab, model.tokenizer, model.config.endOfText);
  const [mark, ...results] = await bench.judge(await bench.write(writer, armsOf(model), 0));
  const [again, ...others] = await bench.judge(await bench.write(writer, bestOf(results), 1));
  await core.release();
  return reportOf(lab, { mark, results }, { mark: again, results: others });
}

type Result = Judged<Arm>;

/** The published form, and of those with a draft what costs the judge least beside real text of its entropy, without the denoiser and with it, there beside its control. */
function bestOf(results: readonly Result[]): Arm[] {
  const above = ({ judged: { natsPerCharacter, realAtThisEntropy } }: Result) =>
    realAtThisEntropy === null ? Number.POSITIVE_INFINITY : natsPerCharacter.value / realAtThisEntropy;
  const best = (of: (arm: Arm) => boolean) => {
    const some = results.filter(({ way }) => of(way));
    return some.reduce((least, one) => (above(one) < above(least) ? one : least)).way;
  };
  const denoised = best(({ family, form }) => (family === 'wave' || family === 'grid') && form?.draft !== 0);
  return [results[0].way, denoised, controlOf(denoised), best(({ family }) => family === 'left to right')];
}

interface Half {
  readonly mark: JudgedText;
  readonly results: readonly Result[];
}

function reportOf(lab: Lab, compared: Half, reported: Half): Report {
  const nats = ({ judged }: Result) => judged.natsPerCharacter.value.toFixed(3);
  const [asPublished, denoised, control, plain] = reported.results;
  const families = ['published', 'grid', 'wave', 'left to right', 'best of 4', 'control'] as const;
  const judged = ({ mark, results }: Half) => judgedTable([mark, ...results.map((one) => one.judged)]);
  return {
    title: '8. How a block is decoded',
    finding:
      `As published the core's text costs the judge ${nats(asPublished)} nats a character, by ${denoised.way.name} ${nats(denoised)}, ` +
      `with the denoiser replaced by the prior ${nats(control)}, by ${plain.way.name} ${nats(plain)}. ` +
      `Real text costs ${reported.mark.natsPerCharacter.value.toFixed(3)}.`,
    setup:
      `The shipped core after prompts of ${promptWords} words of core.valid, ${tokens} tokens each, seed ${lab.seeds[0]}: all forms on ` +
      `${promptCount} prompts; then the published one, the best with the denoiser, its control and the best without on ${promptCount} others, ` +
      `where the finding is from. Best is what costs least beside real text of its entropy. 95 % intervals over samples. The judge is a ` +
      `Kneser-Ney 5-gram of ${judgeCharacters / 1e6} million characters of core.train, which the base did not learn from and the adapter did.`,
    tables: [
      {
        caption: 'Network passes a block:',
        markdown: table(
          ['', 'passes'],
          compared.results.map(({ way, passes }) => [way.name, passes.toFixed(1)]),
        ),
      },
      { caption: 'Text beside real text, where the forms are compared:', markdown: judged(compared) },
      { caption: 'The best of them on the other prompts:', markdown: judged(reported) },
    ],
    charts: [
      {
        name: 'decoding',
        alt: 'Nats a character under the judge over network passes a block, by how a block is decoded',
        svg: lineChart({
          title: 'Text by how a block is decoded',
          x: 'network passes a block',
          y: 'nats a character under the judge',
          logarithmicX: true,
          series: families.map((family) => {
            const own = compared.results.filter(({ way }) => way.family === family);
            return {
              name: family,
              apart: true,
              points: own.map(({ passes, judged }) => [passes, judged.natsPerCharacter.value] as const),
            };
          }),
        }),
      },
    ],
    data: { compared, reported },
  };
}
