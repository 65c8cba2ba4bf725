import { add, type FrozenMatrix, frozenLinear, linear, mul, type Value } from '../graph/index.ts';

/** Looks a tensor up by its name. */
export type Parameters = (name: string) => Value;

/** One of a network's products with a weight matrix, by the matrix' name: x [rows, from] -> [rows, to]. */
export type Project = (name: string, x: Value) => Value;

/** Products with a base's frozen matrices in eight bits. */
export function frozenProject(matrix: (name: string) => FrozenMatrix): Project {
  return (name, x) => frozenLinear(x, name, matrix(name));
}

/** Of the correction of each matrix: low, or `full`, where a matrix of its size is added to it. */
export type Rank = number | 'full';

export interface Adapted {
  /** Low when absent. */
  readonly rank?: Rank;
  /** 1 or 0 for each row, [rows, 1]: whether the correction is on; everywhere when absent. */
  readonly gate?: Value;
  /** Whether a low-rank correction's first factors are in eight bits, `NAME.a` and its `NAME.a.scale`. */
  readonly quantised?: boolean;
}

/** The same with a correction of each: low-rank, `NAME.a` and `NAME.b`, or `NAME.full`. */
export function adaptedProject(
  matrix: (name: string) => FrozenMatrix,
  parameters: Parameters,
  { rank, gate, quantised = false }: Adapted = {},
): Project {
  if (rank === 'full') {
    return (name, x) => {
      const correction = linear(x, parameters(`${name}.full`));
      return add(frozenLinear(x, name, matrix(name)), gate ? mul(correction, gate) : correction);
    };
  }
  return (name, x) => {
    const adapter = {
      a: parameters(`${name}.a`),
      ...(quantised ? { aScale: parameters(`${name}.a.scale`) } : {}),
      b: parameters(`${name}.b`),
      ...(gate ? { gate } : {}),
    };
    return frozenLinear(x, name, matrix(name), adapter);
  };
}
