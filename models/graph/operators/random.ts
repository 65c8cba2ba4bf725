import type { Graph, Value } from '../graph.ts';
import { elementCount, type Shape } from '../shape.ts';

/**
 * Numbers of the standard normal distribution, other ones in each run of the session, by the runtime's own generator: they
 * differ between machines, and between a CPU and a GPU.
 */
export function randomNormal(graph: Graph, shape: Shape, seed: number): Value {
  const sizes = shape.map((dimension) => elementCount([dimension]));
  return graph.node('RandomNormal', {
    inputs: [],
    shape,
    attributes: { shape: sizes, seed: { float: seed } },
  });
}
