import type { Simplex } from './config.ts';
import { gaussianRow, type NoiseAddress } from './noise.ts';
import { alphaBar, simplexScaleAt } from './schedule.ts';

/**
 * One noised position: x_t = sqrt(abar(t)) S(w) + sqrt(1 - abar(t)) K eps with the almost-one-hot simplex
 * S(w) = K (2 onehot(w) - 1) (arXiv 2210.17432, section 3). Several tokens make it a multi-hot simplex.
 *
 * @param out [vocabulary], overwritten
 */
export function noiseSimplex(
  tokens: readonly number[],
  t: number,
  simplex: Simplex,
  address: NoiseAddress,
  out: Float32Array,
): void {
  const scale = simplexScaleAt(simplex, t);
  const signal = scale * Math.sqrt(alphaBar(t));
  const noise = scale * Math.sqrt(1 - alphaBar(t));
  gaussianRow(address, out, noise, -signal);
  for (const token of tokens) out[token] += 2 * signal;
}
