import { type FrozenMatrix, frozenLinear, type Value } from '../graph/index.ts';

/** Looks a tensor up by its name. */
export type Parameters = (name: string) => Value;

/** One of a network's products with a weight matrix, by the matrix' name: x [rows, from] -> [rows, to]. */
export type Project = (name: string, x: Value) => Value;

/** Products with a base's frozen matrices in eight bits. */
export function frozenProject(matrix: (name: string) => FrozenMatrix): Project {
  return (name, x) => frozenLinear(x, name, matrix(name));
}

/**
 * The same with a low-rank adapter on each, `NAME.a` and `NAME.b`.
 *
 * @param gate 1 or 0 for each row, [rows, 1]: whether the adapter is on; everywhere when absent
 */
export function adaptedProject(matrix: (name: string) => FrozenMatrix, parameters: Parameters, gate?: Value): Project {
  return (name, x) => {
    const adapter = { a: parameters(`${name}.a`), b: parameters(`${name}.b`), ...(gate ? { gate } : {}) };
    return frozenLinear(x, name, matrix(name), adapter);
  };
}
