/** Log-probabilities fall into buckets of 1/16 nat down to -64 nats, and one for all below. */
const bucketsPerNat = 16;
const bucketCount = 1024;
const weightOfBucket = new Float64Array(bucketCount);
let bucketOf = new Uint16Array(0);

/**
 * The indices of the largest log-probabilities, just enough that their weights reach `wanted`, ascending; of equal ones
 * at the border the first.
 *
 * A sum by bucket finds the bucket in which the border lies, so that only that one has to be sorted.
 *
 * @param weights one a value; 1 each when absent, so that `wanted` is a count
 */
export function takeLargest(values: Float32Array, wanted: number, weights?: Float32Array): number[] {
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
