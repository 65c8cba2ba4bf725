import { gaussianRow, type NoiseAddress } from './noise.ts';
import { alphaBar } from './schedule.ts';

/**
 * One noised position: x_t = sqrt(abar(t)) S(w) + sqrt(1 - abar(t)) K eps with the almost-one-hot simplex
 * S(w) = K (2 onehot(w) - 1) (arXiv 2210.17432, equations 5 and 6).
 *
 * @param out [vocabulary], overwritten with logits-like values
 */
export function noiseSimplex(token: number, t: number, scale: number, address: NoiseAddress, out: Float32Array): void {
  gaussianRow(address, out);
  const signal = scale * Math.sqrt(alphaBar(t));
  const noise = scale * Math.sqrt(1 - alphaBar(t));
  for (let v = 0; v < out.length; v++) out[v] = noise * out[v] - signal;
  out[token] += 2 * signal;
}
