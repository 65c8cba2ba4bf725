/** Logits to log-probabilities, in place. */
export function normaliseRows(logits: Float32Array, vocabulary: number): void {
  for (let start = 0; start < logits.length; start += vocabulary) {
    const row = logits.subarray(start, start + vocabulary);
    const normaliser = logSumExp(row);
    for (let v = 0; v < vocabulary; v++) row[v] -= normaliser;
  }
}

/** Cross-entropy of each row under the weighted sum of both's log-probabilities, normalised; of the core's alone without a tenant. */
export function ensembleLosses(
  [core, tenant]: readonly Float32Array[],
  weight: number,
  targets: BigInt64Array,
  vocabulary: number,
): Float32Array {
  const merged = new Float32Array(vocabulary);
  return Float32Array.from(targets, (target, row) => {
    const start = row * vocabulary;
    for (let v = 0; v < vocabulary; v++) {
      merged[v] = tenant ? (1 - weight) * core[start + v] + weight * tenant[start + v] : core[start + v];
    }
    return logSumExp(merged) - merged[Number(target)];
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
