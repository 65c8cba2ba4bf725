import type { Simplex } from './config.ts';

const offset = 1e-4;

function f(t: number): number {
  return Math.cos((((t + offset) / (1 + offset)) * Math.PI) / 2) ** 2;
}

/** The share of signal variance left at timestep t in [0, 1]: f(t) / f(0), from 1 down to 0 (the cosine schedule). */
export function alphaBar(t: number): number {
  return t >= 1 ? 0 : f(t) / f(0);
}

/** The timestep of a denoise step: `steps` evenly spaced ones, 1 first and 1 / steps last. */
export function timestepOf(step: number, steps: number): number {
  return 1 - step / steps;
}

/**
 * K at a timestep. `posterior` is K(t) = 2 sqrt(abar) / (1 - abar): the logarithm of p(x_t | w = v), as a function of v,
 * is then x_t itself but for a constant, so that softmax(x_t) is the posterior of the token under a uniform prior. A
 * fixed K makes softmax(x_t) flatter than that at small t and sharper at large t; the ratio of signal to noise is the
 * same for every K.
 */
export function simplexScaleAt(simplex: Simplex, t: number): number {
  if (simplex !== 'posterior') return simplex.scale;
  const alpha = alphaBar(t);
  // Where the noise hides nothing any more, below t = 0.16, the scale is held where float16 can still carry the logits.
  return (2 * Math.sqrt(alpha)) / Math.max(1 - alpha, 1 / 16);
}
