/** Log-probabilities fall into buckets of 1/16 nat down to -64 nats, and one for all below. */
const bucketsPerNat = 16;
const bucketCount = 1024;
const weightOfBucket = new Float64Array(bucketCount);
let bucketOf = new Uint16Array(0);

/** Of a row that is long for what is wanted, so many values are looked at for a bound that most values are below. */
const sampleSize = 256;
/** Of each value that is wanted, about so many are to reach the bound. */
const margin = 4;

/**
 * The indices of the largest log-probabilities, just enough that their weights reach `wanted`, ascending; of equal ones
 * at the border the first.
 *
 * @param weights one a value; 1 each when absent, so that `wanted` is a count
 */
export function takeLargest(values: Float32Array, wanted: number, weights?: Float32Array): number[] {
  if (weights || values.length <= 2 * margin * Math.max(wanted, sampleSize)) {
    return takeByBuckets(values, wanted, weights);
  }
  const candidates = someLargest(values, wanted);
  const few = new Float32Array(candidates.length);
  for (let i = 0; i < few.length; i++) few[i] = values[candidates[i]];
  return takeByBuckets(few, wanted).map((i) => candidates[i]);
}

/** The indices of the largest values, at least `wanted` of them, ascending. */
function someLargest(values: Float32Array, wanted: number): number[] {
  const { length } = values;
  const sample = new Float32Array(sampleSize);
  for (let i = 0; i < sampleSize; i++) sample[i] = values[Math.floor((i * length) / sampleSize)];
  sample.sort();
  for (let rank = Math.ceil((margin * wanted * sampleSize) / length); ; rank *= 2) {
    const bound = rank < sampleSize ? sample[sampleSize - rank] : Number.NEGATIVE_INFINITY;
    const found: number[] = [];
    // What is not a number is found, too.
    for (let i = 0; i < length; i++) if (!(values[i] < bound)) found.push(i);
    if (found.length >= wanted) return found;
  }
}

/** A sum by bucket finds the bucket in which the border lies, so that only that one has to be sorted. */
function takeByBuckets(values: Float32Array, wanted: number, weights?: Float32Array): number[] {
  const { length } = values;
  if (bucketOf.length < length) bucketOf = new Uint16Array(length);
  weightOfBucket.fill(0);
  for (let i = 0; i < length; i++) {
    const distance = -values[i] * bucketsPerNat;
    // Anything that is not a number of nats in range, -Infinity too, belongs to the last bucket.
    const bucket = distance < bucketCount - 1 ? (distance > 0 ? distance | 0 : 0) : bucketCount - 1;
    bucketOf[i] = bucket;
    weightOfBucket[bucket] += weights ? weights[i] : 1;
  }
  let border = 0;
  let left = wanted;
  while (border < bucketCount - 1 && weightOfBucket[border] < left) left -= weightOfBucket[border++];

  const contested: number[] = [];
  for (let i = 0; i < length; i++) if (bucketOf[i] === border) contested.push(i);
  contested.sort((a, b) => values[b] - values[a] || a - b);
  for (const i of contested) {
    if (left <= 0) bucketOf[i] = bucketCount;
    left -= weights ? weights[i] : 1;
  }
  const taken: number[] = [];
  for (let i = 0; i < length; i++) if (bucketOf[i] <= border) taken.push(i);
  return taken;
}
