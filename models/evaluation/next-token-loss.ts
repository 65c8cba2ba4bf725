import { NextToken } from '../autoregressive/next-token.ts';
import type { Model } from '../checkpoint/model-directory.ts';
import type { RuntimeOptions } from '../runtime/session.ts';
import type { AutoregressiveConfig } from '../ssd2/config.ts';
import { ensembleLosses } from './ensemble-losses.ts';
import { ClusterMean, type Estimate } from './statistics.ts';

export interface NextTokenLossOptions {
  readonly runtime?: RuntimeOptions;
  /** Windows of the model's length; all of the corpus when absent. */
  readonly windows?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * The cross-entropy of a corpus' tokens given those before them, in nats, for each weight of the second model in the
 * ensemble of both; intervals over windows of the first model's length.
 */
export async function nextTokenLoss(
  models: readonly Model<AutoregressiveConfig>[],
  tokens: Uint16Array,
  weights: readonly number[],
  { runtime, windows: most = Number.POSITIVE_INFINITY, onProgress }: NextTokenLossOptions = {},
): Promise<Estimate[]> {
  const members = models.map((model) => new NextToken(model, runtime));
  const { positions, vocabulary } = models[0].config;
  const windows = Math.min(most, Math.floor(tokens.length / positions));
  if (windows < 2) throw new RangeError(`${tokens.length} tokens are too few: a window takes ${positions}`);
  const means = weights.map(() => new ClusterMean());
  for (let window = 0; window < windows; window++) {
    const ids = tokens.subarray(window * positions, (window + 1) * positions);
    const logits: Float32Array[] = [];
    for (const member of members) logits.push(await member.allLogProbabilities([...ids]));
    const targets = BigInt64Array.from(ids.subarray(1), BigInt);
    weights.forEach((weight, i) => {
      const losses = ensembleLosses(logits, weight, targets, vocabulary);
      means[i].add(
        losses.reduce((a, b) => a + b, 0),
        losses.length,
      );
    });
    onProgress?.(window + 1, windows);
  }
  for (const member of members) await member.release();
  return means.map(({ estimate }) => estimate);
}
