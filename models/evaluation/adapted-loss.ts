import type { AdaptedModel } from '../checkpoint/adapter-directory.ts';
import { sequenceSource } from '../data/sequences.ts';
import type { Corpus } from '../data/tokenize.ts';
import { adapterSpecs } from '../network/adapter.ts';
import { InformationTable } from '../ssd2/information.ts';
import { ObjectiveLosses } from '../training/objective-losses.ts';
import { AdapterObjective } from '../training/objectives/adapter.ts';
import type { DenoisingLoss, EvaluationOptions } from './denoising-loss.ts';
import { positionLosses } from './position-posterior.ts';
import { RangeEstimates } from './range-estimates.ts';

/** Noised blocks of a sequence. */
const blocks = 8;
/** In a batch, as denoisingLoss counts them. */
const sequencesABatch = 4;

export interface AdaptedLossOptions extends Omit<EvaluationOptions, 'weights'> {
  /** With its own logits of the same timestep as the previous ones, instead of without. */
  readonly selfConditioned?: boolean;
  /** The share of blocks with clean tokens among the noised; 0 when absent. */
  readonly cleanTokens?: number;
  /** An adapter over the same base, whose losses of the same tokens and noise are taken off. */
  readonly against?: AdaptedModel;
}

/**
 * The cross-entropy of denoising a corpus by a base with an adapter, each block at a timestep of its own; and what each
 * position says of itself.
 */
export async function adaptedLoss(
  corpus: Corpus,
  model: AdaptedModel,
  options: AdaptedLossOptions,
): Promise<DenoisingLoss> {
  const { against, onProgress } = options;
  const held = heldOut(corpus, model, options);
  const other = against && heldOut(corpus, against, options);
  const others = other?.losses.of(other.adapter, held.count);
  const prior = held.adapter.get('prior')?.data as Float32Array;
  const [means, own, differences] = [new RangeEstimates(), new RangeEstimates(), new RangeEstimates()];
  let [scored, done] = [0, 0];
  for await (const { losses, feeds, weights, timesteps } of held.losses.of(held.adapter, held.count)) {
    const add = (to: RangeEstimates, some: Float32Array) => to.add(some, losses.length, weights, timesteps);
    add(means, losses);
    add(own, positionLosses(feeds, prior));
    const theirs: Float32Array | undefined = (await others?.next())?.value?.losses;
    if (theirs)
      add(
        differences,
        losses.map((loss, row) => loss - theirs[row]),
      );
    scored += weights.filter((weight) => weight > 0).length;
    onProgress?.(++done, held.count);
  }
  await Promise.all([held, other].map((one) => one?.losses.release()));
  return {
    tokens: scored,
    evaluations: [{ weight: 0, ...means.result }],
    ownPosterior: own.result,
    ...(against ? { difference: differences.result } : {}),
  };
}

/** Losses of held-out batches of one sequence each, the same ones for all adapters of a base, and how many there are. */
function heldOut(
  corpus: Corpus,
  { base: { network }, config, adapter }: AdaptedModel,
  { seed, runtime, batches, selfConditioned = false, cleanTokens = 0 }: AdaptedLossOptions,
) {
  const source = sequenceSource(corpus, { block: config.block, blocks }, seed, config.endOfText);
  const objective = new AdapterObjective(
    network,
    config,
    {
      ...{ sequences: 1, blocks, noisings: 1, seed, timesteps: [0, 1], noise: 'uniform' },
      ...{ cleanTokens, generator: 'counter' as const, selfConditioning: selfConditioned ? 1 : 0 },
    },
    source,
    new InformationTable([0, 1], [0, 1]),
  );
  const asked = batches === undefined ? Number.POSITIVE_INFINITY : sequencesABatch * batches;
  const losses = new ObjectiveLosses(adapterSpecs(network.shape, config), objective, runtime);
  return { adapter, losses, count: Math.min(source.length, asked) };
}
