import type { DenoisingLoss } from '../models/evaluation/denoising-loss.ts';
import { judgedTable } from '../models/evaluation/judged-table.ts';
import type { JudgedText } from '../models/evaluation/judged-text.ts';
import { formatEstimate } from '../models/evaluation/statistics.ts';
import { table } from '../models/evaluation/table.ts';
import { rangeLabel } from '../models/training/range-means.ts';
import type { AdapterTraining } from './adapters.ts';
import type { Judged, Way } from './form-bench.ts';
import type { Report } from './report.ts';

const shownRanges = [1, 2, 3, 4];

/** By fifth of t: nats a token less than by Bayes' rule on each position's own noise. */
export interface Gain {
  readonly name: string;
  readonly gain: readonly number[];
}

/** What each range costs less than by Bayes' rule on each position's own noise, in nats a token. */
export function gainOf(name: string, { evaluations: [{ byRange }], ownPosterior: own }: DenoisingLoss): Gain {
  return { name, gain: byRange.map(({ mean }, range) => (own?.byRange[range].mean ?? Number.NaN) - mean) };
}

export interface SizeRow {
  readonly name: string;
  readonly training: AdapterTraining;
  readonly parameters: number;
  readonly all: DenoisingLoss;
  readonly besideClean: DenoisingLoss;
}

export interface TaughtRow {
  readonly name: string;
  readonly text: DenoisingLoss;
  readonly responses: DenoisingLoss;
}

export interface SpecialistRow {
  readonly name: string;
  /** Fifths of t. */
  readonly ranges: readonly number[];
  readonly plain: DenoisingLoss;
  readonly conditioned: DenoisingLoss;
}

/** What the experiment found. */
export interface CoreFindings {
  /** The network from nothing, then stages of the core's training, the core itself last. */
  readonly gains: readonly Gain[];
  readonly judged: readonly [JudgedText, ...Judged<Way>[]];
  readonly bySize: readonly SizeRow[];
  readonly taught: readonly TaughtRow[];
  readonly specialists: readonly SpecialistRow[];
  readonly setup: string;
}

/** @param texts of the core, of the network from nothing and of the specialists, as published, by their names */
export function coreReport(
  { gains, judged: [mark, ...texts], bySize, taught, specialists, setup }: CoreFindings,
  names: Readonly<Record<'core' | 'specialists', string>>,
): Report {
  const nats = (name: string) =>
    texts.find(({ way }) => way.name === name)?.judged.natsPerCharacter.value.toFixed(3) ?? 'nothing known';
  const fixed = (values: readonly number[]) => shownRanges.map((range) => values[range].toFixed(3));
  const ranges = shownRanges.map((range) => `t ${rangeLabel(range)}`);
  const less = ({ difference }: DenoisingLoss, range?: number) => {
    if (!difference) return '';
    return formatEstimate(range === undefined ? difference.overall : difference.byRange[range]);
  };
  const [nothing, pretrained, core] = [gains[0], gains[1], gains[gains.length - 1]];
  const ofAll = bySize.filter(({ training }) => training.rank === 'full').map(({ all }) => less(all));
  const inRange = specialists.flatMap(({ ranges: own, plain }) => own.map((range) => less(plain, range)));
  return {
    title: '11. What the core owes to what',
    finding:
      `Between t = 0.4 and 0.6 the network from nothing is ${nothing.gain[2].toFixed(2)} nats below Bayes' rule, the pretrained base with an ` +
      `adapter ${pretrained.gain[2].toFixed(2)}, the shipped core ${core.gain[2].toFixed(2)}. All weights, trained as long as rank 32, cost ` +
      `${ofAll.join(' or ')} nats more than that. In their ranges specialists cost ${inRange.join(', ')} more than the core; their text ` +
      `costs the judge ${nats(names.specialists)} nats a character, the core's ${nats(names.core)}.`,
    setup,
    tables: [
      {
        caption: "Nats a token less than by Bayes' rule on each position's own noise, every token of a block noised:",
        markdown: table(
          ['', ...ranges],
          gains.map(({ name, gain }) => [name, ...fixed(gain)]),
        ),
      },
      { caption: 'Text beside real text:', markdown: judgedTable([mark, ...texts.map(({ judged }) => judged)]) },
      {
        caption: 'What is trained upon the base, less rank 32; "beside" where blocks have clean tokens:',
        markdown: table(
          ['', 'numbers', 'steps', 'learning rate', ...ranges, 'all', 'beside'],
          bySize.map(({ name, training, parameters, all, besideClean }) => [
            ...[
              name,
              `${(parameters / 1e6).toFixed(1)} million`,
              String(training.steps),
              String(training.learningRate),
            ],
            ...shownRanges.map((range) => less(all, range)),
            ...[less(all), less(besideClean)],
          ]),
        ),
      },
      {
        caption: "As in the first table, on text and on instructions' responses:",
        markdown: table(
          ['trained on', 'measured on', ...ranges],
          taught.flatMap(({ name, text, responses }) => [
            [name, 'text', ...fixed(gainOf(name, text).gain)],
            ['', 'responses', ...fixed(gainOf(name, responses).gain)],
          ]),
        ),
      },
      {
        caption: 'Shipped specialists less the core, in their own ranges:',
        markdown: table(
          ['', 'range', 'plain', 'self-conditioned'],
          specialists.flatMap(({ name, ranges: own, plain, conditioned }) =>
            own.map((range) => [name, `t ${rangeLabel(range)}`, less(plain, range), less(conditioned, range)]),
          ),
        ),
      },
    ],
    charts: [],
    data: { gains, texts, bySize, taught, specialists },
  };
}
