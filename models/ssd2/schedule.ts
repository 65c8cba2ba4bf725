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
