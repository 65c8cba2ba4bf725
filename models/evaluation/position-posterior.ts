import type { TensorData } from '../graph/index.ts';
import { logSumExp } from './ensemble-losses.ts';

/**
 * What each noised position costs by Bayes' rule on its own x_t alone, softmax(x_t + log prior), in nats: what a model of
 * the posterior simplex starts from, and what it is below is what it makes of the rest of the text.
 *
 * @param feeds a batch's: x [rows, vocabulary] and targets [rows]
 * @param prior log frequencies, [vocabulary]
 */
export function positionLosses(feeds: Readonly<Record<string, TensorData>>, prior: Float32Array): Float32Array {
  const x = feeds.x as Float32Array;
  const logits = new Float32Array(prior.length);
  return Float32Array.from(feeds.targets as BigInt64Array, (target, row) => {
    for (let v = 0; v < logits.length; v++) logits[v] = x[row * logits.length + v] + prior[v];
    return logSumExp(logits) - logits[Number(target)];
  });
}
