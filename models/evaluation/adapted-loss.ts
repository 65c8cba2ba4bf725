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

/**
 * The cross-entropy of denoising a corpus by a base with an adapter: every block all noised, at a timestep of its own,
 * without previous logits unless `selfConditioned`: then with its own of the same timestep; and what each position says of
 * itself.
 */
export async function adaptedLoss(
  corpus: Corpus,
  { base, config, adapter }: AdaptedModel,
  {
    seed,
    runtime,
    batches,
    onProgress,
    selfConditioned = false,
  }: Omit<EvaluationOptions, 'weights'> & { readonly selfConditioned?: boolean },
): Promise<DenoisingLoss> {
  const { network } = base;
  const source = sequenceSource(corpus, { block: config.block, blocks }, seed, config.endOfText);
  const objective = new AdapterObjective(
    network,
    config,
    {
      ...{ sequences: 1, blocks, noisings: 1, seed, timesteps: [0, 1], noise: 'uniform' },
      ...{ cleanTokens: 0, generator: 'counter' as const, selfConditioning: selfConditioned ? 1 : 0 },
    },
    source,
    new InformationTable([0, 1], [0, 1]),
  );
  const asked = batches === undefined ? Number.POSITIVE_INFINITY : sequencesABatch * batches;
  const count = Math.min(source.length, asked);
  const prior = adapter.get('prior')?.data as Float32Array;
  const losses = new ObjectiveLosses(adapterSpecs(network.shape, config), objective, runtime);
  const [means, own] = [new RangeEstimates(), new RangeEstimates()];
  let [scored, done] = [0, 0];
  for await (const { losses: found, feeds, weights, timesteps } of losses.of(adapter, count)) {
    means.add(found, objective.rows, weights, timesteps);
    own.add(positionLosses(feeds, prior), objective.rows, weights, timesteps);
    scored += weights.filter((weight) => weight > 0).length;
    onProgress?.(++done, count);
  }
  await losses.release();
  return { tokens: scored, evaluations: [{ weight: 0, ...means.result }], ownPosterior: own.result };
}
