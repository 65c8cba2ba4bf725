import * as z from 'zod';
import {
  countSchema,
  type Decoding,
  modelOptions,
  seedSchema,
  someTokenIdsSchema,
  tokenIdsSchema,
} from './decoding.ts';
import { compressMerged, type MergedLogits, merge } from './ensemble.ts';
import type { LogitsEnvelope } from './envelope.ts';
import { askedPositions, type Form, formTimestep } from './form.ts';
import { meanEntropy, stepsToRun } from './halting.ts';
import { uniform } from './noise.ts';
import { likeliest, perturbedChoice, project, tempered } from './projection.ts';
import { timestepOf } from './schedule.ts';
import { positionDetailSchema, positionDetails, probabilitiesOf } from './step-detail.ts';

/** Where noise is drawn for: it is a pure function of these, the position and the vocabulary index. */
const noiseAddress = {
  seed: seedSchema,
  /** The stream of the seed's noise. */
  lane: countSchema,
  block: countSchema,
  step: countSchema,
};
export const noiseAddressSchema = z.strictObject(noiseAddress).readonly();
export type NoiseAddress = z.infer<typeof noiseAddressSchema>;

/** The projected tokens of each position; null before the first step. */
export const projectedSchema = z.array(someTokenIdsSchema).readonly().nullable();

/** What one lane asks of a model at one step, beside its self-conditioning: enough to rebuild the noised simplex. */
export const laneStepSchema = z
  .strictObject({
    ...modelOptions,
    ...noiseAddress,
    context: someTokenIdsSchema,
    /** Tokens of the context that were given; the others were generated. All, when absent. */
    given: countSchema.optional(),
    tokens: projectedSchema,
    settled: countSchema.optional(),
  })
  .readonly();
export type LaneStep = z.infer<typeof laneStepSchema> & {
  /** The logits of the step before that this model sees; null where it sees none. */
  readonly previous: LogitsEnvelope | null;
};

/** All that one step of a block leaves to the next, besides what Decoding fixes, and self-conditioning. */
export const blockStateSchema = z
  .strictObject({
    tokens: projectedSchema,
    /** The likeliest tokens so far, and for how many steps they have not changed. */
    argmax: tokenIdsSchema,
    unchanged: countSchema,
    /** Positions from the left whose tokens stay. */
    settled: countSchema.optional(),
    done: z.boolean(),
    /** In nats, of what candidates are compared by (see choice.ts), of a block that is done. */
    logProbability: z.number().optional(),
  })
  .readonly();
export type BlockState = z.infer<typeof blockStateSchema>;

export const startOfBlock: BlockState = { tokens: null, argmax: [], unchanged: 0, done: false };

/** What a denoise step tells of itself, for whoever watches. */
export const stepReportSchema = z
  .strictObject({
    step: countSchema,
    t: z.number(),
    /** The likeliest tokens, of the positions from the left that were asked about. */
    tokens: tokenIdsSchema,
    /** Their mean probability. */
    confidence: z.number(),
    /** Mean entropy in nats. */
    entropy: z.number(),
    /** Positions whose likeliest token changed. */
    changed: tokenIdsSchema,
    /** The tokens' probabilities, one a position. */
    probabilities: z.array(z.number()).readonly(),
    /** Positions from the left whose tokens stay, where the form knows. */
    settled: countSchema.optional(),
    /** Whether the block is done, and these are its tokens. */
    done: z.boolean(),
    /** One a position, for whoever asked for it. */
    positions: z.array(positionDetailSchema).readonly().optional(),
  })
  .readonly();
export type StepReport = z.infer<typeof stepReportSchema>;

interface ReduceOptions {
  /** Positions from the left whose tokens are wanted, all by default; the others need not settle. */
  readonly needed?: number;
  /** Whether a token ends the text: what stands behind it need not settle either. */
  readonly ends?: (token: number) => boolean;
  /** Whether the report is to say who decided at each position. */
  readonly detailed?: boolean;
}

/**
 * One denoise step of one lane, once every member has answered: merge, project, decide whether to stop. A pure function
 * of its arguments, so a step run twice gives the same state.
 *
 * @param answers by member name
 * @returns the merged logits too; compressed as an answer is, where the members are to see them at the next step
 * @throws Error when a member's answer is missing
 */
export function reduceStep(
  decoding: Decoding,
  address: NoiseAddress,
  state: BlockState,
  answers: ReadonlyMap<string, LogitsEnvelope>,
  { needed = decoding.block, ends = () => false, detailed = false }: ReduceOptions = {},
): { state: BlockState; logits: MergedLogits; merged: LogitsEnvelope | null; report: StepReport } {
  const { vocabulary, kept } = decoding;
  const { step } = address;
  const asked = askedPositions(decoding.form, state, decoding.block);
  // At the first step what stands behind those is chosen by the prior; later it stays as it is.
  const all = state.tokens === null || decoding.selfConditioning === 'fused';
  const merged = mergeAnswers(decoding, step, answers, all ? decoding.block : asked);
  const answered = merged.slice(0, asked);
  const entropy = meanEntropy(answered);
  const next = decoding.form
    ? formStep(decoding, decoding.form, address, state, merged, { needed, ends })
    : publishedStep(decoding, address, state, merged, entropy);
  const tokens = next.argmax.slice(0, asked);
  const changed = tokens.flatMap((token, position) => (token === state.argmax[position] ? [] : [position]));
  return {
    state: next,
    logits: merged,
    merged: decoding.selfConditioning === 'fused' ? compressMerged(merged, vocabulary, kept) : null,
    report: {
      step,
      t: stepTimestep(decoding, step),
      tokens,
      confidence: confidence(answered),
      entropy,
      changed,
      probabilities: probabilitiesOf(answered, tokens, vocabulary),
      ...(next.settled ? { settled: next.settled } : {}),
      done: next.done,
      ...(detailed ? { positions: positionDetails(decoding, answers, answered, tokens) } : {}),
    },
  };
}

/**
 * The ensemble's logits of one lane.
 *
 * @param positions so many from the left; all when absent
 * @throws Error when a member's answer is missing
 */
export function mergeAnswers(
  { members }: Pick<Decoding, 'members'>,
  step: number,
  answers: ReadonlyMap<string, LogitsEnvelope>,
  positions?: number,
): MergedLogits {
  return merge(
    members.map(({ name, coefficient }) => {
      const envelope = answers.get(name);
      if (!envelope) throw new Error(`no answer of ${name} for step ${step}`);
      return { coefficient, envelope };
    }),
    positions,
  );
}

/** The timestep that a step is told by, and models are routed by. */
export function stepTimestep({ form, steps }: Decoding, step: number): number {
  return form ? formTimestep(form, step) : timestepOf(step, steps);
}

/** Fresh noise a step; the block's tokens are the argmax of the last merged logits. */
function publishedStep(
  { steps, halting, projection, topP, vocabulary, temperature = 1 }: Decoding,
  address: NoiseAddress,
  state: BlockState,
  merged: MergedLogits,
  entropy: number,
): BlockState {
  const argmax = merged.map(likeliest);
  const same = argmax.every((token, position) => token === state.argmax[position]);
  const unchanged = same ? state.unchanged + 1 : 0;
  const converged = unchanged >= halting.patience && entropy < halting.entropy;
  return {
    tokens: project(tempered(merged, vocabulary, temperature), projection, topP, (position) =>
      uniform({ ...address, position }),
    ),
    argmax,
    unchanged,
    done: converged || address.step + 1 >= stepsToRun(steps, halting.stopAt),
  };
}

/** One noise a block, so that a step from the same tokens chooses the same: the block is done when nothing changes. */
function formStep(
  { steps, projection, topP, block }: Decoding,
  form: Form,
  address: NoiseAddress,
  state: BlockState,
  merged: MergedLogits,
  { needed, ends }: { readonly needed: number; readonly ends: (token: number) => boolean },
): BlockState {
  const { step } = address;
  const noise = { ...address, step: 0 };
  const chosen = Array.from({ length: block }, (_, index) => {
    const position = merged[index];
    if (index < (state.settled ?? 0) || !position) return state.argmax[index];
    return projection === 'greedy'
      ? likeliest(position)
      : perturbedChoice(position, topP, { ...noise, position: index });
  });
  const firstChange = chosen.findIndex((token, position) => token !== state.argmax[position]);
  const same = firstChange < 0;
  // What was chosen from settled tokens alone will be chosen again; what was not asked about was not chosen.
  const settled = form.wave ? Math.min(same ? block : firstChange + 1, askedPositions(form, state, block)) : 0;
  const ended = chosen.slice(0, settled).some(ends);
  const ready = form.wave ? settled >= needed || ended : same && step + 1 >= form.timesteps.length;
  return {
    tokens: chosen.map((token) => [token]),
    argmax: chosen,
    unchanged: same ? state.unchanged + 1 : 0,
    ...(settled > 0 ? { settled } : {}),
    done: ready || step + 1 >= steps,
  };
}

/** The mean probability of the likeliest tokens. */
function confidence(merged: MergedLogits): number {
  let sum = 0;
  for (const { probabilities } of merged) {
    let top = 0;
    for (let i = 0; i < probabilities.length; i++) if (probabilities[i] > top) top = probabilities[i];
    sum += top;
  }
  return sum / merged.length;
}
