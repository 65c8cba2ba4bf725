import { NextToken } from '../autoregressive/next-token.ts';
import type { Model } from '../checkpoint/model-directory.ts';
import type { RuntimeOptions } from '../runtime/session.ts';
import type { AutoregressiveConfig } from '../ssd2/config.ts';
import { ClusterMean, type Estimate } from './statistics.ts';

/** The cross-entropy of a corpus' tokens given those before them, in nats; over windows of the model's length. */
export async function nextTokenLoss(
  model: Model<AutoregressiveConfig>,
  tokens: Uint16Array,
  runtime?: RuntimeOptions,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Estimate> {
  const next = new NextToken(model, runtime);
  const { positions } = model.config;
  const windows = Math.floor(tokens.length / positions);
  if (windows < 2) throw new RangeError(`${tokens.length} tokens are too few: a window takes ${positions}`);
  const mean = new ClusterMean();
  for (let window = 0; window < windows; window++) {
    const losses = await next.losses([...tokens.subarray(window * positions, (window + 1) * positions)]);
    mean.add(
      losses.reduce((a, b) => a + b, 0),
      losses.length,
    );
    onProgress(window + 1, windows);
  }
  await next.release();
  return mean.estimate;
}
