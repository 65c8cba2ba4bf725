import { gaussianRow, uniform } from './noise.ts';
import { alphaBar } from './schedule.ts';

/**
 * Where the information lies: how many nats of a token's identity are still open at timestep t when only its own noise
 * and the tokens' frequency are known, as a share of all. `timestepAt` inverts it, so that timesteps drawn or stepped
 * through evenly in it are even in information (time warping, arXiv 2211.15089).
 */
export class InformationTable {
  readonly timesteps: readonly number[];
  /** The share of the entropy that is open at each timestep, ascending from 0 to 1. */
  readonly open: readonly number[];

  constructor(timesteps: readonly number[], open: readonly number[]) {
    this.timesteps = timesteps;
    this.open = open;
  }

  /** The timestep at which a share q in [0, 1] of the information is still open. */
  timestepAt(q: number): number {
    const { timesteps, open } = this;
    let i = 1;
    while (i < open.length - 1 && open[i] < q) i++;
    const width = open[i] - open[i - 1];
    const share = width > 0 ? (q - open[i - 1]) / width : 0;
    return timesteps[i - 1] + Math.min(1, Math.max(0, share)) * (timesteps[i] - timesteps[i - 1]);
  }
}

/** Below it a position's own noise tells its token. */
export const cleanTimestep = 0.16;

/**
 * The table for a vocabulary's frequencies, by Bayes' rule on samples of the forward process under the posterior
 * simplex: the evidence of a token w is 4 s onehot(w) + 2 sqrt(s) eps with s = abar / (1 - abar).
 *
 * @param logPrior [vocabulary], the logarithm of the tokens' frequency
 * @param samples a timestep; the seed is fixed, so the table is the same everywhere
 */
export function informationTable(logPrior: Float32Array, samples = 256): InformationTable {
  const timesteps = Array.from({ length: 29 }, (_, i) => rounded(cleanTimestep + (i * (1 - cleanTimestep)) / 28));
  const evidence = new Float32Array(logPrior.length);
  const cumulative = new Float64Array(logPrior.length);
  let total = 0;
  logPrior.forEach((value, token) => {
    total += Math.exp(value);
    cumulative[token] = total;
  });
  const entropies = timesteps.map((t, step) => {
    const alpha = alphaBar(t);
    const signal = alpha / Math.max(1 - alpha, 1e-9);
    let sum = 0;
    for (let sample = 0; sample < samples; sample++) {
      const address = { seed: 0, lane: 0, block: 0, step, position: sample };
      // Stratified: each sample stands for as much of the probability.
      const token = firstAtLeast(cumulative, ((sample + uniform(address)) / samples) * total);
      gaussianRow(address, evidence);
      let max = Number.NEGATIVE_INFINITY;
      for (let v = 0; v < evidence.length; v++) {
        evidence[v] = logPrior[v] + 2 * Math.sqrt(signal) * evidence[v] + (v === token ? 4 * signal : 0);
        if (evidence[v] > max) max = evidence[v];
      }
      let mass = 0;
      for (let v = 0; v < evidence.length; v++) mass += Math.exp(evidence[v] - max);
      sum += Math.log(mass) + max - evidence[token];
    }
    return sum / samples;
  });
  // Sampling errors must not make it fall anywhere.
  const rising = entropies.map((_, i) => Math.max(...entropies.slice(0, i + 1)));
  const [least, most] = [rising[0], rising[rising.length - 1]];
  return new InformationTable(
    timesteps,
    rising.map((value) => rounded((value - least) / (most - least))),
  );
}

/** To what the samples tell, so that a config is fit to be read. */
function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

function firstAtLeast(ascending: Float64Array, value: number): number {
  let [low, high] = [0, ascending.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
