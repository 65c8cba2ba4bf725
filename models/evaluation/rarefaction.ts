/**
 * What texts of different lengths can be compared by: diversity as it is expected of `size` items drawn from them without
 * replacement (rarefaction: Hurlbert, 1971). The more is read, the more kinds there are, and the higher the entropy.
 */
export interface Diversity {
  /** Different kinds, per item drawn. */
  readonly distinct: number;
  /** Of the drawn items' frequencies, in nats an item. */
  readonly entropy: number;
}

/** @param size at most the number of items; NaN of none */
export function rarefied(items: readonly string[], size: number): Diversity {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  // Kinds of the same count share the same distribution, the hypergeometric.
  const kindsOf = new Map<number, number>();
  for (const count of counts.values()) kindsOf.set(count, (kindsOf.get(count) ?? 0) + 1);
  const log = logFactorials(items.length);
  const logChoose = (n: number, k: number) => log[n] - log[k] - log[n - k];
  let [distinct, entropy] = [0, 0];
  for (const [count, kinds] of kindsOf) {
    const others = items.length - count;
    for (let drawn = Math.max(1, size - others); drawn <= Math.min(count, size); drawn++) {
      const chance =
        kinds * Math.exp(logChoose(count, drawn) + logChoose(others, size - drawn) - logChoose(items.length, size));
      distinct += chance;
      entropy -= chance * (drawn / size) * Math.log(drawn / size);
    }
  }
  return { distinct: distinct / size, entropy: size === 0 ? Number.NaN : entropy };
}

let known = new Float64Array(1);

function logFactorials(n: number): Float64Array {
  if (known.length > n) return known;
  const start = known.length;
  const more = new Float64Array(2 * n);
  more.set(known);
  for (let i = start; i < more.length; i++) more[i] = more[i - 1] + Math.log(i);
  known = more;
  return known;
}
