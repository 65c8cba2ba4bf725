import { join } from 'node:path';
import { shippedModels } from '../lib/fleet.ts';
import { type AdaptedModel, loadAdapter } from '../models/checkpoint/adapter-directory.ts';
import { modelVersion } from '../models/checkpoint/served-model.ts';
import { readTexts } from '../models/data/documents.ts';
import { formatEstimate, meanOf } from '../models/evaluation/statistics.ts';
import { table } from '../models/evaluation/table.ts';
import { trainJudge } from '../models/evaluation/train-judge.ts';
import { AdaptedDenoiser } from '../models/inference/adapted-denoiser.ts';
import type { NgramModel } from '../models/ngram/ngram-model.ts';
import type { Form } from '../models/ssd2/form.ts';
import { InformationTable } from '../models/ssd2/information.ts';
import { uniform } from '../models/ssd2/noise.ts';
import { formOf } from '../models/ssd2/quality.ts';
import type { Tokenizer } from '../models/tokenizer/tokenizer.ts';
import { type Filled, type Gap, GapFiller } from './fill-gap.ts';
import type { Lab } from './lab.ts';
import type { Report } from './report.ts';

const gapCount = 200;
const leftTokens = 60;
const rightTokens = 15;
const [leastGap, mostGap] = [5, 15];
const candidates = 8;
const waveCandidates = 2;
const looks = 2;
/** Of the right text, right after the gap: where it joins. */
const joint = 4;
/** Without the denoiser a block as long as the longest gap, what is looked at and the right text gives the same text in less time. */
const shortBlock = mostGap + looks + 1;
const judgeCharacters = 1e7;

/** What one way of filling makes of one gap. */
interface Written {
  readonly way: string;
  /** Network passes, each of one candidate. */
  readonly passes: number;
  readonly ids: readonly number[];
  readonly text: string;
  /** Nats of the right text under the core's own next-token logits. */
  readonly core: number;
}

/** With nats under the judge, of the gap's text and of what follows. */
interface Outcome extends Written {
  readonly gap: number;
  readonly joint: number;
  readonly right: number;
}

/** Text between given texts: next-token candidates chosen by what follows, and the denoiser's, which sees what follows. */
export async function gaps(lab: Lab): Promise<Report> {
  const model = await loadAdapter(join(shippedModels, 'core'));
  const { tokenizer } = model;
  const count = lab.options.count ?? gapCount;
  const chosen = await heldOutGaps(readTexts(await lab.files('core', 'valid')), tokenizer, count, lab.seeds[0]);
  const written = await fillAll(lab, model, chosen);
  lab.progress('gaps: counting for the judge');
  const { model: judge } = await trainJudge(readTexts(await lab.files('core', 'train')), tokenizer, judgeCharacters);
  const outcomes = chosen.map((gap, i) => written[i].map((one) => judged(judge, gap, one)));
  return reportOf(lab, outcomes, chosen);
}

/** By gap, then by way; those of a run that was stopped are found in the lab's folder. */
async function fillAll(lab: Lab, model: AdaptedModel, chosen: readonly Gap[]): Promise<Written[][]> {
  const runtime = { threads: lab.options.threads ?? 1 };
  const { config, tokenizer } = model;
  const short = await AdaptedDenoiser.create({ ...model, config: { ...config, block: shortBlock } }, runtime);
  const whole = await AdaptedDenoiser.create(model, runtime);
  const fillers = { short: new GapFiller(short, config.endOfText), whole: new GapFiller(whole, config.endOfText) };
  const ways = waysOf(model);
  const version = await modelVersion(join(shippedModels, 'core'));
  const all: Written[][] = [];
  for (const [i, gap] of chosen.entries()) {
    lab.progress(`gaps: ${i} of ${chosen.length} filled`);
    const seed = 1000 * lab.seeds[0] + i;
    const fill = () => fillGap(gap, seed, ways, fillers, tokenizer);
    all.push(await lab.kept('gaps', [gap, ways, seed, looks, version], fill));
  }
  await Promise.all([short.release(), whole.release()]);
  return all;
}

async function fillGap(
  gap: Gap,
  seed: number,
  ways: readonly Way[],
  fillers: { readonly short: GapFiller; readonly whole: GapFiller },
  tokenizer: Tokenizer,
): Promise<Written[]> {
  const own: Written[] = [];
  const add = async (way: string, passes: number, ids: readonly number[]) => {
    const same = own.find((one) => String(one.ids) === String(ids));
    const core = same?.core ?? -(await fillers.short.rightLogProbability(gap, ids));
    own.push({ way, passes, ids, text: await tokenizer.decode([...ids]), core });
  };
  await add(realText, 0, gap.middle);
  for (const way of ways) {
    const filled = way.wave
      ? await fillers.whole.byWave(gap, way.form, seed, way.candidates, looks)
      : await fillers.short.fromLeft(gap, way.form, seed, way.candidates, looks);
    for (const [name, passes, ids] of textsOf(way, filled)) await add(name, passes, ids);
  }
  return own;
}

function judged(judge: NgramModel, { left, right }: Gap, written: Written): Outcome {
  const { length } = written.ids;
  const losses = judge.losses([...left, ...written.ids, ...right], left.length);
  const sum = (from: number, to: number) => losses.slice(from, to).reduce((a, b) => a + b, 0);
  return {
    ...written,
    gap: sum(0, length),
    joint: sum(length, length + joint),
    right: sum(length, losses.length),
  };
}

const realText = 'the real text';

interface Way {
  readonly name: string;
  readonly form: Form;
  /** Whether the denoiser sees the right text, in the block. */
  readonly wave: boolean;
  readonly candidates: number;
}

function waysOf(model: AdaptedModel): Way[] {
  const { timesteps, open } = model.config.information as { timesteps: number[]; open: number[] };
  const information = new InformationTable(timesteps, open);
  const rising = Array.from({ length: 12 }, (_, i) => information.timestepAt((i + 1) / 12));
  const usual = formOf('default') as Form;
  const wave = { ...usual, timesteps: rising, evidence: 0.25 };
  return [
    { name: 'left to right', form: usual, wave: false, candidates },
    { name: 'wave, denoiser 1', form: { ...wave, denoiser: 1 }, wave: true, candidates: waveCandidates },
    { name: 'wave, denoiser replaced by the prior', form: { ...wave, denoiser: 0 }, wave: true, candidates: 1 },
  ];
}

/** Name, network passes, each of one lane's rows, and text. A scoring is a pass a candidate. */
function textsOf(
  { name, candidates: count }: Way,
  { bestOf, looked, passes }: Filled,
): [string, number, readonly number[]][] {
  const alone = [...bestOf].map(([some, text]): [string, number, readonly number[]] =>
    some === 1 ? [name, passes, text] : [`${name}, best of ${some}`, some * (passes + 1), text],
  );
  if (count === 1) return alone;
  return [
    ...alone,
    ...looked.map((text, look): [string, number, readonly number[]] => [
      `${name}, best of ${count}, the last ${look === 0 ? 'token' : `${look + 1} tokens`} looked at again`,
      count * (passes + 2 + look),
      text,
    ]),
  ];
}

/** Of each document at most one gap, that begins and ends where a word does. */
async function heldOutGaps(
  documents: AsyncIterable<string>,
  tokenizer: Tokenizer,
  count: number,
  seed: number,
): Promise<Gap[]> {
  const found: Gap[] = [];
  for await (const text of documents) {
    if (found.length === count) break;
    const ids = await tokenizer.encode(text);
    const length = leastGap + (found.length % (mostGap - leastGap + 1));
    const room = ids.length - leftTokens - length - rightTokens;
    if (room < 1) continue;
    const draw = uniform({ seed, lane: 0, block: 0, step: found.length, position: 0 });
    const begins = async (i: number) => (await tokenizer.decode([ids[i]])).startsWith(' ');
    for (let tried = 0, start = leftTokens + Math.floor(draw * room); tried < room; tried++, start++) {
      const at = leftTokens + ((start - leftTokens) % room);
      if (!((await begins(at)) && (await begins(at + length)))) continue;
      found.push({
        left: ids.slice(at - leftTokens, at),
        middle: ids.slice(at, at + length),
        right: ids.slice(at + length, at + length + rightTokens),
      });
      break;
    }
  }
  return found;
}

function reportOf(lab: Lab, outcomes: readonly (readonly Outcome[])[], chosen: readonly Gap[]): Report {
  const arms = outcomes[0].map(({ way }, arm) => ({ way, own: outcomes.map((one) => one[arm]) }));
  type Arm = (typeof arms)[number];
  const of = ({ own }: Arm, pick: (outcome: Outcome) => number) => meanOf(own.map(pick));
  const total = ({ gap, right }: Outcome) => gap + right;
  const [real, alone, ...others] = arms;
  const best = others.toSorted((a, b) => of(a, total).mean - of(b, total).mean)[0];
  const nats = (arm: Arm) => of(arm, total).mean.toFixed(1);
  const gapTokens = chosen.reduce((sum, { middle }) => sum + middle.length, 0) / chosen.length;
  return {
    title: '10. Text in a gap',
    finding:
      `Gap and right text cost the judge ${nats(alone)} nats when written from the left alone, ${nats(best)} by ${best.way}, ` +
      `and ${nats(real)} as they really are.`,
    setup:
      `${chosen.length} gaps of ${leastGap} to ${mostGap} tokens (${gapTokens.toFixed(1)} on average) of core.valid, ${leftTokens} tokens to the left ` +
      `and ${rightTokens} to the right given, one a document, at the beginnings of words; the shipped core, the gap's length given, ` +
      `seed ${lab.seeds[0]}. The judge is a Kneser-Ney 5-gram of ${judgeCharacters / 1e6} million characters of core.train. Nats are sums, ` +
      `± is a 95 % interval over gaps. A pass is of one candidate.`,
    tables: [
      {
        caption: 'Nats under the judge, and of the right text under the core:',
        markdown: table(
          ['', 'passes', 'gap', `next ${joint}`, 'right text', 'both', 'less than from the left', 'right, by the core'],
          arms.map((arm) => {
            const less = meanOf(arm.own.map((outcome, i) => total(alone.own[i]) - total(outcome)));
            return [
              arm.way,
              of(arm, ({ passes }) => passes).mean.toFixed(1),
              of(arm, ({ gap }) => gap).mean.toFixed(1),
              of(arm, (outcome) => outcome.joint).mean.toFixed(2),
              of(arm, ({ right }) => right).mean.toFixed(1),
              formatEstimate(of(arm, total), 1),
              arm === alone ? '' : formatEstimate(less, 1),
              of(arm, ({ core }) => core).mean.toFixed(1),
            ];
          }),
        ),
      },
    ],
    charts: [],
    data: outcomes,
  };
}
