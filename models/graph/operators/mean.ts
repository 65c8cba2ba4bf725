import type { Value } from '../graph.ts';
import { elementCount } from '../shape.ts';
import { div } from './elementwise.ts';
import { reshape } from './layout.ts';
import { sum } from './reduce.ts';

/** The mean of all elements, a scalar. */
export function mean(x: Value): Value {
  const axes = x.shape.map((_, axis) => axis);
  return div(reshape(sum(x, axes), []), elementCount(x.shape));
}
