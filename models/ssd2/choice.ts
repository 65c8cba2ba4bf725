import * as z from 'zod';
import { countSchema, type Decoding, modelOptionsOf, tokenIdsSchema } from './decoding.ts';
import { logProbabilityOf, type MergedLogits, type MergedPosition } from './ensemble.ts';
import { nextTokenForm } from './form.ts';
import { generatedTokens, type Lane, wantedTokens } from './lane.ts';
import { takeLargest } from './selection.ts';
import type { LaneStep } from './step.ts';

/**
 * Makes a generation's lanes candidates for one text, and says how one is chosen: by its own likelihood, a token; or, where
 * it fills a gap, by the likelihood of the text after the gap.
 *
 * The text after a gap is scored in rounds, each of which asks the models once about all lanes. Round 0 scores the
 * candidates. Round r looks at the gap's r-th token from its end: the lanes become the best text so far and the same with the likeliest other
 * tokens there, and the joint likelihood of the gap's last r tokens and the text after it decides.
 */
export const choiceSchema = z
  .strictObject({
    /** The first tokens after the gap. */
    suffix: tokenIdsSchema.optional(),
    /** The round to come, of so many. */
    round: countSchema,
    rounds: countSchema,
  })
  .readonly();
export type Choice = z.infer<typeof choiceSchema>;

/** What of a generation its candidates are compared by. */
interface Compared {
  readonly decoding: Decoding;
  readonly tokens: number;
  readonly endOfText: number;
  readonly endOfTurn?: number | undefined;
  readonly block: number;
  readonly lanes: readonly Lane[];
}

export function isScoring({
  lanes,
  choice,
}: {
  readonly lanes: readonly Lane[];
  readonly choice?: Choice | undefined;
}) {
  return choice !== undefined && choice.round < choice.rounds && lanes.every(({ done }) => done);
}

/**
 * What a round asks a model about a lane: next-token log-probabilities of a block that begins with the gap's token which
 * the next round would look at, goes on with the rest of the gap, and ends in the text after it.
 */
export function scoringStep(compared: Compared, choice: Choice, lane: Lane, prompt: readonly number[]): LaneStep {
  const { decoding, endOfText, block } = compared;
  const gap = generatedTokens(compared, lane);
  const start = blockStart(gap, choice);
  const asked = [...gap.slice(start), ...scoredSuffix(compared, choice)];
  return {
    ...modelOptionsOf(decoding),
    form: nextTokenForm,
    ...{ seed: lane.seed, lane: lane.lane, block, step: 0 },
    context: [...prompt, ...gap.slice(0, start)],
    tokens: Array.from({ length: decoding.block }, (_, i) => [asked[i] ?? endOfText]),
    previous: null,
  };
}

function blockStart(gap: readonly number[], { round }: Choice): number {
  return Math.max(0, gap.length - round - 1);
}

/** As many tokens whatever the lane, so that lanes compare. */
function scoredSuffix({ decoding }: Compared, { suffix = [], round }: Choice): readonly number[] {
  return suffix.slice(0, decoding.block - round - 1);
}

/** A round, once the models have answered: the lanes scored, and made what the next one asks about. */
export function scoreLanes(
  compared: Compared,
  choice: Choice,
  merged: readonly MergedLogits[],
): { lanes: readonly Lane[]; choice: Choice } {
  const { decoding } = compared;
  const lanes = compared.lanes.map((lane, index): Lane => {
    const gap = generatedTokens(compared, lane);
    const start = blockStart(gap, choice);
    const asked = [...gap.slice(start), ...scoredSuffix(compared, choice)];
    // The first is the one that the next round would look at.
    const first = gap.length > choice.round ? 1 : 0;
    let logProbability = 0;
    for (let i = first; i < asked.length; i++) {
      logProbability += logProbabilityOf(merged[index][i], asked[i], decoding.vocabulary);
    }
    return { ...lane, logProbability, steps: lane.steps + 1 };
  });
  const best = chosenLane({ ...compared, lanes }, choice);
  const round = choice.round + 1;
  const gap = generatedTokens(compared, lanes[best]);
  // A gap may be shorter than there are rounds.
  if (round >= choice.rounds || gap.length < round) return { lanes, choice: { ...choice, round: choice.rounds } };
  const place = gap.length - round;
  const { endOfText, endOfTurn = endOfText } = compared;
  const others = alternatives(merged[best][0], lanes.length - 1, [gap[place], endOfText, endOfTurn]);
  const variants = [gap[place], ...others].map((token) => lanes[best].committed.with(place, token));
  return {
    lanes: lanes.map((lane, i) => {
      // The winner is lane 0 from here on; where there are fewer alternatives than lanes, it is the rest, too.
      const { tokens } = lanes[best];
      return { ...lane, committed: variants[i] ?? variants[0], ...(tokens === undefined ? {} : { tokens }) };
    }),
    choice: { ...choice, round },
  };
}

/** The likeliest tokens of a position but for some. */
function alternatives({ ids, logProbabilities }: MergedPosition, count: number, but: readonly number[]): number[] {
  return takeLargest(logProbabilities, Math.min(count + but.length, ids.length))
    .sort((a, b) => logProbabilities[b] - logProbabilities[a] || a - b)
    .map((i) => ids[i])
    .filter((id) => !but.includes(id))
    .slice(0, count);
}

/** The index of the best lane so far; of a gap's, those that fill it come before those that end the text. */
export function chosenLane(compared: Compared, choice: Choice): number {
  const scores = compared.lanes.map((lane) => {
    const { length } = generatedTokens(compared, lane);
    const whole = length === wantedTokens(compared, lane);
    const { logProbability = Number.NEGATIVE_INFINITY } = lane;
    if (choice.suffix) return { whole, score: logProbability };
    // End-of-text is a token of the text that it ends.
    return { whole: true, score: logProbability / (whole ? length : length + 1) };
  });
  return scores.reduce((best, { whole, score }, i) => {
    const than = scores[best];
    return Number(whole) - Number(than.whole) > 0 || (whole === than.whole && score > than.score) ? i : best;
  }, 0);
}
