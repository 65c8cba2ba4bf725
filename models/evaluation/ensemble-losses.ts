import { denseLogits, merge } from '../ssd2/ensemble.ts';

/** Logits to log-probabilities, in place. */
export function normaliseRows(logits: Float32Array, vocabulary: number): void {
  for (let start = 0; start < logits.length; start += vocabulary) {
    const row = logits.subarray(start, start + vocabulary);
    const normaliser = logSumExp(row);
    for (let v = 0; v < vocabulary; v++) row[v] -= normaliser;
  }
}

/** Cross-entropy of each row under the ensemble of core and tenant, as it is served; of the core's alone without a tenant. */
export function ensembleLosses(
  [core, tenant]: readonly Float32Array[],
  weight: number,
  targets: BigInt64Array,
  vocabulary: number,
): Float32Array {
  return Float32Array.from(targets, (target, row) => {
    const at = (rows: Float32Array) => denseLogits(rows.subarray(row * vocabulary, (row + 1) * vocabulary), vocabulary);
    const answers = tenant
      ? [
          { coefficient: 1 - weight, envelope: at(core) },
          { coefficient: weight, envelope: at(tenant) },
        ]
      : [{ coefficient: 1, envelope: at(core) }];
    return -merge(answers)[0].logProbabilities[Number(target)];
  });
}

/** log of the sum of exponentials, without overflow. */
export function logSumExp(values: Float32Array): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) if (values[i] > max) max = values[i];
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i] - max);
  return max + Math.log(sum);
}
